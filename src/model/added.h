/* added.h - the models that were added by `fulcrum models`: table `model` of DATA/state.db.
 *
 * Who adds writes a row and tells the server, which loads the model and writes into the row how that went; who waits
 * looks at the row. So a command works on a server that runs and on one that does not, and the server finds its models
 * again. A row is one version of a name:
 *
 *   revision    grows for ever; the newest row of a name counts, but for failed ones
 *   definition  the model as an entry of fulcrum.yaml's `models`, in JSON
 *   state       wanted (nobody has looked at it), loading, ready, failed (message says why), removing
 *
 * A connection belongs to one thread at a time. */
#ifndef MODEL_ADDED_H
#define MODEL_ADDED_H

#include "core/config.h"
#include "store/state.h"

enum added_state { ADDED_WANTED, ADDED_LOADING, ADDED_READY, ADDED_FAILED, ADDED_REMOVING, ADDED_STATES };
extern const char *const added_state_names[ADDED_STATES];

struct added_row {
    int64_t revision;
    const char *name, *definition;
    enum added_state state;
    const char *message; /* "" unless it failed */
};

/* state_open, and the table. */
enum error_code added_open(const char *data, struct sql **sql, struct error *error) WARN_UNUSED;

/* All rows, oldest first, in the arena. */
enum error_code added_list(struct sql *sql, struct arena *arena, struct added_row **rows, size_t *count,
                           struct error *error) WARN_UNUSED;

/* A row that is WANTED. Rows of the name that failed go. */
enum error_code added_insert(struct sql *sql, const char *name, struct str definition, int64_t *revision,
                             struct error *error) WARN_UNUSED;
/* READY takes older rows of its name away: they are replaced. */
enum error_code added_set(struct sql *sql, int64_t revision, enum added_state state, const char *message,
                          struct error *error) WARN_UNUSED;
/* All rows of the name; the server takes them away once the model is gone. */
enum error_code added_begin_removal(struct sql *sql, const char *name, struct error *error) WARN_UNUSED;
/* One that is to be removed. */
enum error_code added_remove(struct sql *sql, int64_t revision, struct error *error) WARN_UNUSED;
/* All of the name, where no server runs. */
enum error_code added_forget(struct sql *sql, const char *name, struct error *error) WARN_UNUSED;

/* The definition's model is config->models[0]. ERROR_INVALID names the key. config_deinit after OK. */
enum error_code added_parse(struct str definition, struct config *config, struct error *error) WARN_UNUSED;

/* Whether the file could be loaded as far as that can be told without doing so: it is there, is a GGUF file, and the
 * memory is there. Reads a few bytes of it. Models of the program itself pass. */
enum error_code added_check_file(const struct config_model *model, struct error *error) WARN_UNUSED;

#endif
