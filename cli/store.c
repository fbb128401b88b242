/* The campaign of a run; see store.h.
 *
 * The note in a checkpoint is text, a line per fact: "file LENGTH NAME" for each file that grows,
 * "waiting UID" for each system that has ended and found no room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "store.h"

/* ---- called by the campaign ---- */

static ath_status store_fail(cli_store *store, int code)
{
    store->code = store->code ? store->code : code;
    return code ? ATH_E_IO : ATH_OK;
}

static ath_status store_ready(void *user)
{
    cli_store *store = user;
    return store_fail(store, cli_streams_sync(&store->streams));
}

static ath_status store_save(void *user, const void **data, size_t *bytes)
{
    cli_store *store = user;
    cli *c = store->c;
    store->note.size = 0;
    cli_text_print(c, &store->note, "%s", "");
    int code = cli_streams_sync(&store->streams);
    cli_streams_note(&store->streams, &store->note);
    for (size_t i = 0; i < store->n_waiting; i++) {
        char uid[33];
        ath_uid_format(store->waiting[i], uid);
        cli_text_print(c, &store->note, "waiting %s\n", uid);
    }
    code = code ? code : cli_text_check(c, &store->note);
    *data = store->note.data;
    *bytes = store->note.size;
    return store_fail(store, code);
}

/* The systems that wait, by the note. */
static int store_recall(cli_store *store, const char *note)
{
    int code = CLI_OK;
    for (const char *line = note; *line && !code;) {
        const char *end = line + strcspn(line, "\n");
        char text[33];
        ath_uid uid;
        if (sscanf(line, "waiting %32[0-9a-f]", text) == 1 && ath_uid_parse(text, &uid) >= 0) {
            code = cli_store_wait(store, uid, true);
        }
        line = *end ? end + 1 : end;
    }
    return code;
}

static ath_status store_load(void *user, const void *data, size_t bytes)
{
    cli_store *store = user;
    cli *c = store->c;
    store->note.size = 0;
    cli_text_print(c, &store->note, "%s", "");
    if (bytes > 0) {
        cli_text_add(c, &store->note, data, bytes);
    }
    int code = cli_text_check(c, &store->note);
    code = code ? code : store_recall(store, store->note.data);
    code = code ? code : cli_streams_begin(&store->streams, store->campaign, store->note.data);
    return store_fail(store, code);
}

/* ---- life ---- */

/* The identity of a job: what job.json says. */
static int store_identity(cli_store *store, ath_uid *out)
{
    cli *c = store->c;
    cli_text path = {0}, record = {0};
    int code = cli_folder_path(c, store->folder, "job.json", &path);
    if (!code) {
        const int error = cli_slurp(c, path.data, CLI_MANIFEST_BYTES, &record);
        code = error < 0 ? cli_fail(c, CLI_IO, "cannot read '%s': %s", path.data, strerror(-error))
                         : CLI_OK;
    }
    if (!code) {
        cli_folder_without_version(&record);
        *out = ath_uid_of_text(record.data);
    }
    cli_text_free(c, &record);
    cli_text_free(c, &path);
    return code;
}

static int64_t store_place(void *user, const ath_system *system)
{
    return cli_input_key(((const cli_store *)user)->input, system);
}

int cli_store_open(cli_store *store, const cli_settings *settings, const cli_run_plan *plan)
{
    cli *c = store->c;
    ath_campaign_config config = {
        .size = sizeof config,
        .ready = store_ready,
        .sampler = store->input->sampler,
        .n_stages = (int32_t)plan->n_stages,
        .place = store_place,
        .checkpoint_seconds = settings->checkpoint > 0.0 ? settings->checkpoint : -1.0,
        .quarantine_share = settings->max_quarantined < 1.0 ? settings->max_quarantined : 0.0,
        .no_sync = settings->no_sync != 0,
        .stop = c->interrupted,
        .notes = {store_save, store_load},
        .user = store,
    };
    int code = store_identity(store, &config.identity);
    if (code) {
        return code;
    }
    const ath_status status = ath_campaign_open(c->ctx, store->folder, &config, &store->campaign);
    if (status == ATH_E_STATE) {
        return cli_fail(c, CLI_CANNOT_CREATE, "'%s' is being worked on by another process",
                        store->folder);
    }
    if (status < 0) {
        code = cli_fail_status(c, status);
        return status == ATH_E_EXISTS ? CLI_CANNOT_CREATE : code;
    }
    return ath_campaign_sink(store->campaign, &store->sink) < 0 ? CLI_INTERNAL : CLI_OK;
}

int cli_store_resume(cli_store *store, const cli_engine *engine)
{
    cli *c = store->c;
    const ath_status status =
        ath_campaign_resume(store->campaign, engine->dynamics, engine->device, &store->resumed);
    if (status >= 0) {
        return CLI_OK;
    }
    const int code = store->code ? store->code : cli_fail_status(c, status);
    return code == CLI_INTERNAL && status == ATH_E_STATE ? CLI_CANNOT_CREATE : code;
}

static bool store_same(ath_uid a, ath_uid b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

bool cli_store_waits(const cli_store *store, ath_uid uid)
{
    bool waits = false;
    for (size_t i = 0; i < store->n_waiting && !waits; i++) {
        waits = store_same(store->waiting[i], uid);
    }
    return waits;
}

int cli_store_wait(cli_store *store, ath_uid uid, bool waits)
{
    size_t n = 0;
    for (size_t i = 0; i < store->n_waiting; i++) {
        if (!store_same(store->waiting[i], uid)) {
            store->waiting[n++] = store->waiting[i];
        }
    }
    store->n_waiting = n;
    if (waits && n == store->max_waiting) {
        const size_t most = n ? 2 * n : 64;
        if (!cli_resize(store->c, &store->waiting, n * sizeof *store->waiting,
                        most * sizeof *store->waiting)) {
            return cli_fail(store->c, CLI_INTERNAL, "out of memory");
        }
        store->max_waiting = most;
    }
    if (waits) {
        store->waiting[store->n_waiting++] = uid;
    }
    return CLI_OK;
}

void cli_store_close(cli_store *store)
{
    if (store->c) {
        ath_campaign_close(&store->campaign);
        cli_streams_free(&store->streams);
        cli_text_free(store->c, &store->note);
        (void)cli_resize(store->c, &store->waiting, store->max_waiting * sizeof *store->waiting, 0);
        store->n_waiting = store->max_waiting = 0;
    }
}

/* ---- when to stop ---- */

/* A number in digits, with a fraction if `real`; *end behind it. */
static bool store_number(const char *text, double *value, const char **end)
{
    char *stop = NULL;
    *value = *text >= '0' && *text <= '9' ? strtod(text, &stop) : -1.0;
    *end = stop ? stop : text;
    return *value >= 0.0 && *value < 1e12;
}

/* [D-]HH:MM:SS, MM:SS */
static double store_clock(const char *text)
{
    double sum = 0.0, value = 0.0;
    int colons = 0;
    for (;;) {
        if (!store_number(text, &value, &text)) {
            return -1.0;
        }
        if (*text == '-' && colons == 0 && sum == 0.0) {
            sum = 24.0 * value;
        } else if (*text == ':' && colons++ < 2) {
            sum = 60.0 * (sum + value);
        } else {
            return *text == '\0' && colons > 0 ? sum + value : -1.0;
        }
        text++;
    }
}

double cli_walltime(const char *text)
{
    static const char units[] = "smhd";
    static const double seconds[] = {1.0, 60.0, 3600.0, 86400.0};
    double sum = 0.0, value = 0.0;
    if (strchr(text, ':')) {
        return store_clock(text);
    }
    do {
        if (!store_number(text, &value, &text)) {
            return -1.0;
        }
        const char *unit = *text ? strchr(units, *text) : units;
        if (!unit) {
            return -1.0;
        }
        sum += value * seconds[unit - units];
        text += *text != '\0';
    } while (*text);
    return sum;
}

/* How long before its end a run of so many seconds is stopped, if a checkpoint takes so long. */
static double store_margin(double walltime, double checkpoint)
{
    const double share = 0.1 * walltime;
    return (share < 60.0 ? share : 60.0) + 2.0 * checkpoint;
}

static void store_ask(cli_store *store, const char *why)
{
    cli *c = store->c;
    if (!*c->interrupted) {
        *c->interrupted = 1;
        c->why = why;
    }
}

void cli_store_look(cli_store *store, const cli_settings *settings, const ath_dynamics *dynamics)
{
    cli *c = store->c;
    const double now = cli_seconds(c);
    const double walltime = settings->walltime ? cli_walltime(settings->walltime) : 0.0;
    struct stat about;
    cli_text path = {0};
    if (now < store->next_look) {
        return;
    }
    store->next_look = now + 1.0;
    if (walltime > 0.0) {
        ath_campaign_balance b = {.size = sizeof b};
        (void)ath_campaign_weigh(store->campaign, dynamics, &b); /* the run itself judges it */
        if (now >= walltime - store_margin(walltime, b.checkpoint_seconds)) {
            store_ask(store, "the wall time is over");
        }
    }
    if (!cli_folder_path(c, store->folder, "STOP", &path) && stat(path.data, &about) == 0) {
        store_ask(store, "there is a file STOP");
        (void)cli_unlink(c, path.data);
    }
    cli_text_free(c, &path);
}
