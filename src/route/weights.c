/* weights.c - the file of a predictor; weights.h has its format. */
#include "route/weights.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "core/util.h"

static const char magic[8] = {'F', 'U', 'L', 'R', 'O', 'U', 'T', 'E'};

#define HEAD_BYTES (sizeof(magic) + 5 * sizeof(uint32_t) + 2 * sizeof(uint64_t) + WEIGHTS_FACTS * sizeof(float))
#define WEIGHTS_FACTS 9 /* numbers of the head */
#define EDGES_BYTES sizeof((struct route_weights){0}.edges)
#define KNOWN_BYTES (FEATURES_BUCKETS / 8)
#define MODEL_BYTES (PREDICTOR_NAME_MAX + sizeof(struct route_weights_model))
#define CRC_BYTES sizeof(uint32_t)
#define CURVE_FLOATS (sizeof(struct predictor_point) / sizeof(float))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie in memory");
_Static_assert(sizeof(struct predictor_curve) == sizeof(uint32_t) + PREDICTOR_CURVE_MAX * CURVE_FLOATS * sizeof(float),
               "the curve has no gaps");

static size_t curve_bytes(uint32_t version)
{
    return version == WEIGHTS_VERSION_WITHOUT_CURVE ? 0 : sizeof(struct predictor_curve);
}

static size_t file_bytes(uint32_t version, size_t models)
{
    return HEAD_BYTES + EDGES_BYTES + KNOWN_BYTES + models * MODEL_BYTES +
           (size_t)FEATURES_BUCKETS * (WEIGHTS_CELL_HEAD + models) + models * sizeof(struct certainty) +
           curve_bytes(version) + CRC_BYTES;
}

struct route_weights *route_weights_new(size_t model_count)
{
    const size_t cells = (size_t)FEATURES_BUCKETS * (WEIGHTS_CELL_HEAD + model_count);
    struct route_weights *weights = mem_calloc(1, sizeof(*weights) + cells);
    if (weights)
        weights->model_count = model_count;
    return weights;
}

void route_weights_free(struct route_weights *weights)
{
    mem_free(weights);
}

struct str route_weights_name(const struct route_weights *weights, size_t model)
{
    const char *name = weights->names[model];
    return (struct str){name, strnlen(name, PREDICTOR_NAME_MAX)};
}

bool route_weights_write(const struct route_weights *weights, struct buf *out)
{
    const size_t begin = out->len;
    const uint32_t counts[] = {WEIGHTS_VERSION, (uint32_t)weights->model_count, FEATURES_BUCKET_BITS, FEATURES_BUILT,
                               WEIGHTS_BINS};
    const uint64_t numbers[] = {weights->facts.rows, weights->seed};
    const float facts[WEIGHTS_FACTS] = {
        weights->facts.calibration_error, weights->facts.auc, weights->facts.auc_low, weights->facts.auc_high,
        weights->rarity_unit, weights->variance, weights->known_share, weights->alone_spread, weights->demand};
    buf_append(out, magic, sizeof(magic));
    buf_append(out, counts, sizeof(counts));
    buf_append(out, numbers, sizeof(numbers));
    buf_append(out, facts, sizeof(facts));
    buf_append(out, weights->edges, sizeof(weights->edges));
    buf_append(out, weights->known, sizeof(weights->known));
    for (size_t i = 0; i < weights->model_count; i++) {
        buf_append(out, weights->names[i], PREDICTOR_NAME_MAX);
        buf_append(out, &weights->models[i], sizeof(weights->models[i]));
    }
    buf_append(out, weights->cells, FEATURES_BUCKETS * route_weights_cell_bytes(weights));
    buf_append(out, weights->certainties, weights->model_count * sizeof(weights->certainties[0]));
    buf_append(out, &weights->facts.curve, sizeof(weights->facts.curve));
    const uint32_t crc = out->failed ? 0 : crc32_ieee(0, out->data + begin, out->len - begin);
    return buf_append(out, &crc, sizeof(crc));
}

/* --- reading --- */

static void take(struct str *rest, void *to, size_t len)
{
    memcpy(to, rest->data, len);
    rest->data += len;
    rest->len -= len;
}

static enum error_code check_head(struct str bytes, const char *name, const uint32_t counts[5], struct error *error)
{
    if (counts[0] != WEIGHTS_VERSION && counts[0] != WEIGHTS_VERSION_WITHOUT_CURVE)
        return error_set(error, ERROR_INVALID, "%s: predictor of version %u; this program reads versions %d and %d: "
                         "train it again with `fulcrum router train`", name, counts[0], WEIGHTS_VERSION_WITHOUT_CURVE,
                         WEIGHTS_VERSION);
    if (counts[1] == 0 || counts[1] > PREDICTOR_MODELS_MAX || counts[2] != FEATURES_BUCKET_BITS ||
        counts[3] != FEATURES_BUILT || counts[4] != WEIGHTS_BINS)
        return error_set(error, ERROR_INVALID, "%s: damaged predictor: its head makes no sense", name);
    const size_t expected = file_bytes(counts[0], counts[1]);
    if (bytes.len != expected)
        return error_set(error, ERROR_INVALID, "%s: damaged predictor: %zu bytes where %zu are expected", name,
                         bytes.len, expected);
    uint32_t crc;
    memcpy(&crc, bytes.data + bytes.len - CRC_BYTES, CRC_BYTES);
    if (crc != crc32_ieee(0, bytes.data, bytes.len - CRC_BYTES))
        return error_set(error, ERROR_INVALID, "%s: damaged predictor: the checksum does not fit", name);
    return OK;
}

static bool are_finite(const float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]) || fabsf(numbers[i]) > 1e6F)
            return false;
    return true;
}

static bool is_sound_curve(const struct predictor_curve *curve)
{
    return curve->count <= PREDICTOR_CURVE_MAX &&
           are_finite((const float *)curve->points, PREDICTOR_CURVE_MAX * CURVE_FLOATS);
}

/* A checksum says that the file is as it was written, not who wrote it: what is computed with must be numbers. */
static bool is_sound(const struct route_weights *weights, const float facts[WEIGHTS_FACTS])
{
    if (!are_finite(facts, WEIGHTS_FACTS) || !are_finite(&weights->edges[0][0], EDGES_BYTES / sizeof(float)) ||
        weights->variance < 0 || weights->known_share < 0 || weights->known_share >= 1 ||
        weights->alone_spread < 0 || weights->demand < 0 || !is_sound_curve(&weights->facts.curve))
        return false;
    for (size_t i = 0; i < weights->model_count; i++) {
        const struct str name = route_weights_name(weights, i);
        if (!are_finite((const float *)&weights->models[i], WEIGHTS_MODEL_FLOATS) || name.len == 0 ||
            name.len == PREDICTOR_NAME_MAX || !str_is_utf8(name) || !certainty_is_sound(&weights->certainties[i]))
            return false;
    }
    return true;
}

enum error_code route_weights_read(struct str bytes, const char *name, struct route_weights **weights,
                                   struct error *error)
{
    uint32_t counts[5];
    uint64_t numbers[2];
    float facts[WEIGHTS_FACTS];
    if (bytes.len == 0)
        return error_set(error, ERROR_INVALID, "%s: the file is empty", name);
    if (bytes.len < HEAD_BYTES || memcmp(bytes.data, magic, sizeof(magic)))
        return error_set(error, ERROR_INVALID, "%s: this is no predictor; `fulcrum router train` writes them", name);
    memcpy(counts, bytes.data + sizeof(magic), sizeof(counts));
    if (check_head(bytes, name, counts, error))
        return error->code;
    struct route_weights *made = route_weights_new(counts[1]);
    if (!made)
        return error_no_memory(error);
    struct str rest = str_slice(bytes, sizeof(magic) + sizeof(counts), bytes.len);
    take(&rest, numbers, sizeof(numbers));
    take(&rest, facts, sizeof(facts));
    take(&rest, made->edges, sizeof(made->edges));
    take(&rest, made->known, sizeof(made->known));
    for (size_t i = 0; i < made->model_count; i++) {
        take(&rest, made->names[i], PREDICTOR_NAME_MAX);
        take(&rest, &made->models[i], sizeof(made->models[i]));
    }
    take(&rest, made->cells, FEATURES_BUCKETS * route_weights_cell_bytes(made));
    take(&rest, made->certainties, made->model_count * sizeof(made->certainties[0]));
    made->facts = (struct predictor_facts){.rows = numbers[0], .calibration_error = facts[0], .auc = facts[1],
                                           .auc_low = facts[2], .auc_high = facts[3]};
    take(&rest, &made->facts.curve, curve_bytes(counts[0]));
    made->seed = numbers[1];
    made->rarity_unit = facts[4];
    made->variance = facts[5];
    made->known_share = facts[6];
    made->alone_spread = facts[7];
    made->demand = facts[8];
    if (!is_sound(made, facts)) {
        route_weights_free(made);
        return error_set(error, ERROR_INVALID, "%s: damaged predictor: numbers that are none, or names", name);
    }
    *weights = made;
    return OK;
}
