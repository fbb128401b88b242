/* libFuzzer target: bytes as job.json, the record of a run. Beyond not crashing: nothing leaks,
 * memory stays within what the file justifies, a refusal says why and where, a record that is
 * accepted is complete; and the events of the JSON beneath are those of one document.
 */

#include "fuzz/target.h"
#include "host.h"
#include "json.h"
#include "manifest.h"

/* Opens and closes balance, keys stand in objects and have values. True: it is JSON. */
static bool fuzz_events(cli *c, const char *text, size_t size)
{
    cli_json json;
    bool object[CLI_JSON_DEPTH + 1] = {false}, key = false;
    int depth = 0, values = 0;
    cli_json_begin(c, text, size, &json);
    for (cli_json_event e; (e = cli_json_next(&json)) > CLI_JSON_END;) {
        const bool closing = e == CLI_JSON_OBJECT_END || e == CLI_JSON_ARRAY_END;
        if (closing) {
            REQUIRE(depth > 0 && !key && object[depth] == (e == CLI_JSON_OBJECT_END));
            depth--;
        } else {
            REQUIRE((e == CLI_JSON_KEY) == (depth > 0 && object[depth] && !key));
            values += e != CLI_JSON_KEY && depth == 0;
        }
        key = e == CLI_JSON_KEY;
        if (e == CLI_JSON_OBJECT || e == CLI_JSON_ARRAY) {
            REQUIRE(depth < CLI_JSON_DEPTH);
            object[++depth] = e == CLI_JSON_OBJECT;
        }
        if (e == CLI_JSON_KEY || e == CLI_JSON_STRING || e == CLI_JSON_NUMBER) {
            REQUIRE(json.text.data && strlen(json.text.data) == json.text.size);
        }
    }
    const bool good = json.event == CLI_JSON_END;
    REQUIRE(good ? depth == 0 && values == 1 && !key : json.problem != NULL);
    REQUIRE(cli_json_next(&json) == json.event);
    cli_json_free(&json);
    return good;
}

static void fuzz_check(cli *c, const cli_manifest *m)
{
    cli_text text = {0};
    REQUIRE(m->program && m->command && m->model && m->model_hash);
    REQUIRE(m->n_stages >= 1 && m->n_stages <= CLI_MANIFEST_STAGES);
    REQUIRE(m->n_options <= CLI_MANIFEST_OPTIONS && m->n_inputs >= 0);
    for (size_t i = 0; i < m->n_stages; i++) {
        REQUIRE(m->stages[i].name && m->stages[i].integrator);
        const int32_t found = cli_manifest_stage_of(m, m->stages[i].name);
        REQUIRE(found >= 0 && found <= (int32_t)i); /* names may be the same */
    }
    for (size_t i = 0; i < m->n_options; i++) {
        REQUIRE(m->options[i].name);
    }
    cli_manifest_provenance(c, m, &text);
    REQUIRE(!text.failed);
    for (size_t i = 0; i < text.size; i++) { /* it stands in a line of its own */
        REQUIRE((unsigned char)text.data[i] >= 0x20);
    }
    cli_text_free(c, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    cli c = {.host = failing_config(&memory)};
    char *said = NULL, *text = malloc(size ? size : 1); /* exact: nothing may be read behind it */
    size_t n_said = 0;
    cli_manifest m;
    REQUIRE(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    c.err = open_memstream(&said, &n_said);
    REQUIRE(c.err);
    cli_host_complete(&c.host);
    const bool json = fuzz_events(&c, text, size);
    const int code = cli_manifest_parse(&c, "job.json", text, size, &m);
    fflush(c.err);
    REQUIRE(memory.peak_bytes <= 20 * size + 4096);
    if (code) {
        REQUIRE(code == CLI_DATA && strncmp(said, "athanor: job.json:", 18) == 0);
        REQUIRE(!m.stages && !m.options && !m.command);
    } else {
        REQUIRE(json && n_said == 0);
        fuzz_check(&c, &m);
        cli_manifest_free(&c, &m);
    }
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    fclose(c.err);
    free(said);
    free(text);
    return 0;
}
