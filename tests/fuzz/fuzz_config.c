/* fulcrum.yaml: any bytes give a configuration or one message, never more. */
#include <assert.h>

#include "core/config.h"
#include "cmd/sections.h"
#include "core/config_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct error error = {0};
    struct limits before = limits_in_force;
    if (size > LIMIT_CONFIG_BYTES)
        return 0;
    if (config_parse((struct str){(const char *)data, size}, "fulcrum.yaml", program_sections, &config, &error) == OK) {
        assert(config.model_count > 0 && config.model_count <= LIMIT_MODELS);
        char host[64];
        uint16_t port;
        enum error_code code = config_parse_listen(config.listen, host, sizeof(host), &port, &error);
        assert(code == OK);
        config_deinit(&config);
    } else {
        assert(error.message[0]);
    }
    limits_in_force = before;
    return 0;
}
