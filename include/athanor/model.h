/* Models: energy, forces and stress of systems.
 *
 * A model is made from a text "NAME:key=value,...", is immutable afterwards and may be shared by
 * any number of dynamics and threads. It does not belong to a device. Energies are eV, forces
 * eV/angstrom, stress eV/angstrom^3 (tensile positive), sigma = (1/V) dE/d(strain).
 */
#ifndef ATHANOR_MODEL_H
#define ATHANOR_MODEL_H

#include <athanor/option.h>
#include <athanor/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_model ath_model;

/* Unknown names are ATH_E_UNKNOWN with the nearest one; bad options ATH_E_OPTION. */
ATH_API ath_status ath_model_create(ath_context *ctx, const char *text, ath_model **out);
ATH_API void ath_model_destroy(ath_model **model);
/* "lj", and the whole text with every option, as it is echoed in outputs. */
ATH_API const char *ath_model_name(const ath_model *model);
ATH_API const char *ath_model_text(const ath_model *model);
/* 32 hexadecimal digits: hash of name and parameters. */
ATH_API const char *ath_model_hash(const ath_model *model);
/* Interaction range in angstrom; 0 if there is none. */
ATH_API double ath_model_cutoff(const ath_model *model);
/* ATH_OK, or ATH_E_UNSUPPORTED with the element or the condition that the model cannot handle. */
ATH_API ath_status ath_model_accepts(const ath_model *model, const ath_system *system);
/* The registered models: index 0, 1, ...; ATH_END past the last. Texts are static. */
ATH_API ath_status ath_model_list(int32_t index, const char **name, const char **help,
                                  const ath_option **options);

#ifdef __cplusplus
}
#endif
#endif
