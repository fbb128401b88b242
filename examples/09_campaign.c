/* A campaign: 40 argon chains are relaxed in a directory. Half way the run is asked to stop, as a
 * signal would do it, and all that the process knew is thrown away; a second one goes on from the
 * directory, and in the end each chain has one record. */
#include <signal.h>
#include <stdio.h>

#include <athanor/campaign.h>

enum { N = 40 };
static volatile sig_atomic_t stop;
static int n_stopping = 20; /* systems after which the first process is to stop */

typedef struct process {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *fire;
    ath_sampler *sampler;
    ath_campaign *campaign;
    ath_dynamics *dynamics;
    int made;
} process;
/* The input: a chain of 2 to 5 atoms, each a little different. */
static ath_status next(void *user, ath_system **out)
{
    process *p = user;
    const int n = 2 + p->made % 4;
    void *x = NULL;
    ath_status s = p->made == N ? ATH_END : ath_system_create(p->ctx, n, out);
    s = s != ATH_OK ? s : ath_system_field(*out, ATH_FIELD_POSITIONS, &x);
    for (int i = 0; s == ATH_OK && i < n; i++) {
        ((double *)x)[3 * i] = (3.6 + 0.02 * p->made) * i; /* angstrom */
    }
    p->made += s == ATH_OK;
    return s;
}
static bool known(void *user, ath_uid uid)
{
    return ath_campaign_known(((process *)user)->campaign, uid);
}
static ath_status progress(void *user, const ath_dynamics *dynamics)
{
    (void)dynamics;
    stop = ath_journal_length(ath_campaign_journal(((process *)user)->campaign)) >= n_stopping;
    return ATH_OK;
}
/* What the program does when it is started; the same each time. */
static ath_status run(process *p)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 1e-4};
    ath_sink *sink = NULL;
    ath_status s = ath_context_create(NULL, &p->ctx);
    s = s < 0 ? s : ath_device_open(p->ctx, "host", &p->device);
    s = s < 0 ? s : ath_model_create(p->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=9", &p->model);
    s = s < 0 ? s : ath_integrator_create(p->ctx, "fire", &p->fire);
    s = s < 0 ? s : ath_sampler_from_callback(p->ctx, next, p, &p->sampler);
    ath_campaign_config campaign = {
        .size = sizeof campaign, .sampler = p->sampler, .stop = &stop, .group = 4};
    s = s < 0 ? s : ath_campaign_open(p->ctx, "campaign_example", &campaign, &p->campaign);
    s = s < 0 ? s : ath_campaign_sink(p->campaign, &sink);
    config.model = p->model, config.integrator = p->fire;
    config.convergence_hook = &convergence;
    config.sampler = p->sampler;
    config.sinks = &sink, config.n_sinks = 1;
    config.device = p->device;
    config.max_batch_size = 8;
    config.known = known, config.progress = progress, config.user = p;
    config.stop = &stop;
    s = s < 0 ? s : ath_dynamics_create(p->ctx, &config, &p->dynamics);
    s = s < 0 ? s : ath_campaign_resume(p->campaign, p->dynamics, p->device, NULL);
    return s < 0 ? s : ath_campaign_run(p->campaign, p->dynamics);
}
static int64_t end(process *p, ath_status s)
{
    const int64_t n = p->campaign ? ath_journal_length(ath_campaign_journal(p->campaign)) : 0;
    (void)printf("%s%s", s < 0 ? ath_context_message(p->ctx) : "", s < 0 ? "\n" : "");
    ath_dynamics_destroy(&p->dynamics);
    ath_campaign_close(&p->campaign);
    ath_sampler_destroy(&p->sampler);
    ath_integrator_destroy(&p->fire);
    ath_model_destroy(&p->model);
    ath_device_close(&p->device);
    ath_context_destroy(&p->ctx);
    return n;
}
int main(void)
{
    process first = {0}, second = {0};
    ath_status s = run(&first);
    const int64_t n_first = end(&first, s);
    n_stopping = N + 1;
    stop = 0;
    const bool stopped = s == ATH_AGAIN || n_first == N; /* an example that is run again is done */
    s = run(&second);
    const int64_t n_second = end(&second, s);
    printf("%lld chains are done, then %lld\n", (long long)n_first, (long long)n_second);
    return stopped && s == ATH_OK && n_second == N ? 0 : 1;
}
