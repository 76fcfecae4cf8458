/* A predictor's file: any bytes are one or are refused, and what is one answers with chances. The input is read as it
 * is, and as changes to a sound file, five bytes each (a place, a byte), whose checksum is put right again. */
#include <assert.h>
#include <string.h>

#include "core/mem.h"
#include "core/util.h"
#include "route/weights.h"

static void ask(struct str bytes)
{
    struct predictor *predictor;
    struct predictor_bound bound;
    struct prediction predictions[3];
    struct error error;
    if (predictor_parse(bytes, "fuzz", &predictor, &error))
        return;
    const struct predictor_candidate candidates[] = {{STR("small"), 1}, {STR("other"), 3}, {STR("large"), 2}};
    const struct route_prompt prompt = {.user = {.slices = {STR("What are your business hours? 12 \xe4\xbd\xa0")},
                                                 .count = 1, .bytes = 36}, .turns = 1};
    assert(predictor_bind(predictor, candidates, 3, &bound, &error) == OK);
    predictor_ask(predictor, &bound, &prompt, predictions);
    for (size_t i = 0; i < 3; i++) {
        assert(predictions[i].quality >= 0 && predictions[i].quality <= 1);
        assert(predictions[i].uncertainty >= 0 && predictions[i].uncertainty <= 0.5F);
    }
    static const double confidences[] = {0, 0.3, 1};
    for (size_t i = 0; i < 3; i++) {
        double chance;
        (void)predictor_chance(predictor, STR("small"), confidences[i], (double)predictions[i].quality, &chance);
        assert(chance >= 0 && chance <= 1);
    }
    predictor_free(predictor);
}

static void make_base(struct buf *base)
{
    struct route_weights *weights = route_weights_new(2);
    assert(weights);
    memcpy(weights->names[0], "small", 5);
    memcpy(weights->names[1], "large", 5);
    weights->rarity_unit = weights->variance = 1;
    for (size_t i = 0; i < FEATURES_BUCKETS * route_weights_cell_bytes(weights); i++)
        weights->cells[i] = (uint8_t)(i * 37);
    buf_init(base, 1 << 20);
    const bool is_written = route_weights_write(weights, base);
    assert(is_written);
    route_weights_free(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buf base, changed;
    ask((struct str){(const char *)data, size});
    if (!base.data) {
        make_base(&base);
        buf_init(&changed, base.len);
    }
    buf_clear(&changed);
    buf_append(&changed, base.data, base.len);
    for (size_t i = 0; i + 5 <= size; i += 5) {
        uint32_t place;
        memcpy(&place, data + i, sizeof(place));
        changed.data[place % base.len] = (char)data[i + 4];
    }
    const size_t body = changed.len - sizeof(uint32_t);
    const uint32_t crc = crc32_ieee(0, changed.data, body);
    memcpy(changed.data + body, &crc, sizeof(crc));
    ask(buf_str(&changed));
    return 0;
}
