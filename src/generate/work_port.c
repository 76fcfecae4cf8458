/* work_port.c - see work_port.h. */
#include "generate/work_port.h"

#include "generate/engine_backend.h"
#include "generate/upstream_backend.h"

static enum error_code open_backends(struct work_port *port, struct error *error)
{
    const struct work_others *others = &port->shared->others;
    port->backends[TARGET_ENGINE] = engine_backend_new(port->engine, error);
    if (!port->backends[TARGET_ENGINE])
        return error->code;
    if (others->open_upstream)
        port->backends[TARGET_UPSTREAM] = others->open_upstream(others->ctx, port->loop, error);
    else if (port->shared->upstreams)
        port->backends[TARGET_UPSTREAM] = upstream_backend_new(port->shared->upstreams, port->loop, error);
    else
        return OK;
    return port->backends[TARGET_UPSTREAM] ? OK : error->code;
}

enum error_code work_port_open(struct work_port *port, const struct work_shared *shared, unsigned index,
                               uv_loop_t *loop, struct error *error)
{
    *port = (struct work_port){.shared = shared, .loop = loop};
    port->engine = engine_port_new(shared->engine, index, loop, error);
    port->documents = port->engine ? extractor_port_new(shared->extractor, loop, error) : NULL;
    if (port->documents && open_backends(port, error) == OK)
        return OK;
    work_port_close(port);
    return error->code;
}

void work_port_close(struct work_port *port)
{
    for (size_t i = 0; i < TARGET_KINDS; i++)
        if (port->backends[i])
            port->backends[i]->ops->close(port->backends[i]);
    if (port->engine)
        engine_port_close(port->engine);
    if (port->documents)
        extractor_port_close(port->documents);
    *port = (struct work_port){0};
}
