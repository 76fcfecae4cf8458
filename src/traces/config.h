/* config.h - `traces:` of fulcrum.yaml. */
#ifndef TRACES_CONFIG_H
#define TRACES_CONFIG_H

#include "core/config.h"

#define TRACES_HEADERS_MAX 16

struct traces_config {
    const char *endpoint; /* where traces go; NULL: nowhere */
    const char *sample;   /* of those that begin here, 0 to 1 */
    bool content;         /* prompts and replies as well */
    uint64_t queue_bytes; /* of spans that wait for the receiver; over it they are lost */
    const char *headers[TRACES_HEADERS_MAX]; /* of the requests, as "NAME: VALUE" */
    size_t header_count;
};
extern const struct config_section traces_section;
const struct traces_config *traces_config(const struct config *config);
double traces_share(const struct traces_config *traces); /* `sample` */

#endif
