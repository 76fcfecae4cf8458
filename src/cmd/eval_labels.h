/* eval_labels.h - what `fulcrum eval --labels FILE` writes: its rows as router data, from which `fulcrum router train`
 * learns. One thread. */
#ifndef CMD_EVAL_LABELS_H
#define CMD_EVAL_LABELS_H

#include "cmd/eval_run.h"

struct eval_labelled { /* one model's answers */
    const char *model;
    const struct eval_outcome *outcomes; /* one for each row */
    const double *costs;                 /* dollars; NULL: nobody knows the model's price */
};

/* Each row as {..., "subject": its task, "quality": {MODEL: 1 or 0}, "cost": {MODEL: dollars}, "confidence": {MODEL:
 * 0 to 1}}, without what was expected; a model whose confidence the server doesn't say is left out there. */
enum error_code eval_labels_write(const char *path, const struct eval_data *data, const struct eval_labelled *models,
                                  size_t count, struct error *error) WARN_UNUSED;

#endif
