/* journal_sink.c - a journal as the sink of a dynamics.
 */
#include "campaign/journal_private.h"

/* Where systems are in their life is told by `stage`, or by their status. */
typedef struct journal_sink {
    ath_journal *journal;
    ath__sink_rules rules;
    int64_t n; /* systems taken */
} journal_sink;

/* A disk that is full now is no failure: systems wait. */
static ath_status journal_sink_reserve(void *state, int64_t n_atoms)
{
    ath_journal *j = ((journal_sink *)state)->journal;
    (void)n_atoms;
    ATH__TRY(ath__journal_check(j, "journal"));
    const ath_status status = ath__journal_is_due(j) ? ath_journal_commit(j) : ATH_OK;
    return status == ATH_E_IO && !j->dead ? ATH_AGAIN : status;
}

/* With status n a system has ended in the last of n stages, with n + i + 1 in the i-th. */
static int32_t journal_sink_stage(const ath__sink_rules *rules, const ath_system *system)
{
    const int32_t *status = ath_system_peek(system, ATH_FIELD_STATUS), n = rules->n_stages;
    if (n <= 0) {
        return rules->stage;
    }
    return status && *status > n && *status <= 2 * n ? *status - n - 1 : n - 1;
}

/* One that was let in and turned out to be no good has failed, not been refused. */
static ath_state journal_sink_state(ath_reason reason)
{
    const ath_state state =
        reason == ATH_REASON_NONE ? ATH_STATE_FINISHED : ath_reason_state(reason);
    return state == ATH_STATE_REJECTED ? ATH_STATE_QUARANTINED : state;
}

static ath_status journal_sink_write(void *state, const ath_system *system)
{
    journal_sink *s = state;
    const ath__sink_rules *rules = &s->rules;
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const int64_t *id = ath_system_peek(system, ATH_FIELD_SYSTEM_ID);
    ath_record record = {.uid = ath_system_uid(system)};
    bool fresh = false;
    record.stage = journal_sink_stage(rules, system);
    record.reason = reason ? (ath_reason)*reason : ATH_REASON_NONE;
    record.state = journal_sink_state(record.reason);
    record.steps = steps ? *steps : 0;
    record.file = ath_system_source(system, &record.frame);
    record.place = rules->place ? rules->place(rules->user, system) : id ? *id : 0;
    ath_status status = ath_journal_put(s->journal, &record, system, &fresh);
    /* a commit that found no room is tried again before the next system */
    status = status == ATH_E_IO && !s->journal->dead && fresh ? ATH_OK : status;
    s->n += status == ATH_OK;
    if (rules->n_fresh) {
        *rules->n_fresh += status == ATH_OK && fresh;
    }
    return status;
}

static void journal_sink_extent(const void *state, int64_t *length, int64_t *capacity)
{
    *length = ((const journal_sink *)state)->n;
    *capacity = INT64_MAX;
}

static const ath_sink_ops journal_sink_ops = {
    .abi = ATH_SINK_ABI,
    .name = "journal",
    .state_size = sizeof(journal_sink),
    .reserve = journal_sink_reserve,
    .write = journal_sink_write,
    .extent = journal_sink_extent,
};

ath_status ath__journal_sink(ath_journal *j, const ath__sink_rules *rules, ath_sink **out)
{
    ATH__TRY(ath__journal_check(j, "ath_journal_sink"));
    ATH__TRY(ath_sink_create_from(j->ctx, &journal_sink_ops, "", out));
    *(journal_sink *)ath_sink_state(*out) = (journal_sink){.journal = j, .rules = *rules};
    return ATH_OK;
}

ath_status ath_journal_sink(ath_journal *j, int32_t stage, ath_sink **out)
{
    if (j == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (stage < 0) {
        return ath__fail(j->ctx, ATH_E_RANGE, "ath_journal_sink: stage %d", (int)stage);
    }
    return ath__journal_sink(j, &(ath__sink_rules){.stage = stage}, out);
}
