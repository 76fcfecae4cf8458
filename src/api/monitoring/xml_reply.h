/* xml_reply.h - documents as the query protocol's XML. Pure functions, any thread. */
#ifndef API_MONITORING_XML_REPLY_H
#define API_MONITORING_XML_REPLY_H

#include "api/monitoring/shape.h"
#include "core/buf.h"

/* The inside of an element: of a structure its members by name, of a list <member>s, of a map <entry>s with <key> and
 * <value>. Times are ISO 8601. */
void xml_reply_append(struct buf *out, const struct shape *shape, yyjson_mut_val *value);

#endif
