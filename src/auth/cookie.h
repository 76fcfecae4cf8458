/* cookie.h - the one cookie of ours in a request. Pure, any thread. */
#ifndef AUTH_COOKIE_H
#define AUTH_COOKIE_H

#include "net/http.h"

/* Value of the first cookie of that name; data NULL without. HTTP/2 may send each cookie as a header of its own. */
struct str cookie_get(const struct http_request *request, struct str name);

#endif
