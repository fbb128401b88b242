/* Integrators: the first and the second half of a step, for molecular dynamics and optimizers
 * alike.
 *
 * An integrator is made from a text "NAME:key=value,...", is immutable afterwards and may be
 * shared. Times are fs, temperatures K, friction 1/fs. What changes during a run is state of the
 * systems.
 */
#ifndef ATHANOR_INTEGRATOR_H
#define ATHANOR_INTEGRATOR_H

#include <athanor/option.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_integrator ath_integrator;

/* Unknown names are ATH_E_UNKNOWN with the nearest one; bad options ATH_E_OPTION. */
ATH_API ath_status ath_integrator_create(ath_context *ctx, const char *text, ath_integrator **out);
ATH_API void ath_integrator_destroy(ath_integrator **integrator);
ATH_API const char *ath_integrator_name(const ath_integrator *integrator);
ATH_API const char *ath_integrator_text(const ath_integrator *integrator);
/* The registered integrators: index 0, 1, ...; ATH_END past the last. Texts are static. */
ATH_API ath_status ath_integrator_list(int32_t index, const char **name, const char **help,
                                       const ath_option **options);

#ifdef __cplusplus
}
#endif
#endif
