/* logs.h - training data out of invocation logs (docs/INVOCATION-LOGS.md): records as Converse and the bodies of
 * InvokeModel have them, in messages of roles. Pure; any thread. */
#ifndef CUSTOMIZE_LOGS_H
#define CUSTOMIZE_LOGS_H

#include "customize/data.h"

/* The request's requestMetadataFilters, one operator; ERROR_INVALID names the member. NULL: there are none. */
enum error_code log_filter_check(yyjson_val *filters, struct error *error) WARN_UNUSED;
bool log_filter_fits(yyjson_val *filters, yyjson_val *metadata);

/* Whether these name the same model: ARNs and geographies do not count. */
bool log_is_model(struct str one, struct str another);

/* What a record asked, and with `takes_answer` what was answered. ERROR_INVALID: why it can't be learnt from. */
enum error_code log_conversation(yyjson_val *record, bool takes_answer, struct arena *arena,
                                 struct conversation *conversation, struct error *error) WARN_UNUSED;

#endif
