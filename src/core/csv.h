/* csv.h - one field of comma-separated values. */
#ifndef CORE_CSV_H
#define CORE_CSV_H

#include "core/buf.h"

/* With the quotes that RFC 4180 wants, where it wants them; lines end as lines do here. */
void csv_append(struct buf *out, struct str text);

#endif
