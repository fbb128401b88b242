/* Rehearsal: what a dynamics would launch, asked of a device that may lack kernels, before anything
 * moves there. Integrators and model are called as in a step, with a stream that launches nothing:
 * what they launch depends on their options alone, so nobody has to keep a list of it.
 */
#include "dynamics/centre.h"
#include "dynamics/phases.h"

/* A launch: the device is that of the rehearsal, the handle the one that is asked. */
static ath_status rehearsal_launch(ath__stream *stream, ath__kernel kernel, const void *args,
                                   size_t bytes)
{
    const ath_device *device = stream->handle;
    (void)args, (void)bytes;
    return ath__device_has(device, kernel)
               ? ATH_OK
               : ath__fail(device->ctx, ATH_E_UNSUPPORTED, "%s has no kernel '%s'", device->name,
                           ath__kernel_name(kernel));
}

static const ath__device_ops rehearsal_ops = {
    .abi = ATH_ABI, .name = "rehearsal", .launch = rehearsal_launch};

/* Both halves of a step of a part. */
static ath_status rehearsal_part(const ath_dynamics *dyn, int32_t p, ath__stream *stream)
{
    const ath__part *part = &dyn->parts[p];
    const ath_integrator *integrator = part->integrator;
    if (!integrator) {
        return ATH_OK;
    }
    if (part->config.max_displacement > 0.0 || ath__guards_tell(dyn, p)) {
        ATH__TRY(rehearsal_launch(stream, ATH_K_GUARD, NULL, 0));
    }
    const ath__update u = {.stream = stream, .args = {.seed = part->config.seed}};
    if (part->config.hold_centre) {
        ATH__TRY(rehearsal_launch(stream, ATH_K_CENTRE, NULL, 0));
    }
    ATH__TRY(integrator->ops->pre_update(integrator->state, &u));
    return integrator->ops->post_update ? integrator->ops->post_update(integrator->state, &u)
                                        : ATH_OK;
}

static ath_status rehearsal_model(const ath_dynamics *dyn, ath__stream *stream)
{
    const ath_model *model = dyn->model;
    const ath__compute c = {.stream = stream,
                            .d_params = dyn->plan.d_params,
                            .want = ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS};
    if (dyn->plan.neighbors) {
        ATH__TRY(rehearsal_launch(stream, ATH_K_NEIGHBORS_UPDATE, NULL, 0));
    }
    return model->ops->compute(model->state, &c);
}

ath_status ath__rehearse(const ath_dynamics *dyn, ath_device *device)
{
    static const ath__kernel books[] = {ATH_K_ENTER, ATH_K_ASSESS, ATH_K_SCHEDULE};
    ath_device stage = *device;
    ath__stream stream = {.device = &stage, .handle = device};
    if (!device->ops->has_kernel) {
        return ATH_OK;
    }
    stage.ops = &rehearsal_ops;
    for (size_t k = 0; k < sizeof books / sizeof *books; k++) {
        ATH__TRY(rehearsal_launch(&stream, books[k], NULL, 0));
    }
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        ATH__TRY(rehearsal_part(dyn, p, &stream));
    }
    return rehearsal_model(dyn, &stream);
}
