/* Rows of router data: any text is rows that can be trained on, or is refused by file and line. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "route/samples.h"

static void check_model(const struct samples *samples, size_t model)
{
    assert(samples->models[model].len > 0 && samples->models[model].len < PREDICTOR_NAME_MAX);
    for (size_t i = 0; i < samples->count; i++) {
        const float quality = samples->quality[model][i], confidence = samples->confidence[model][i];
        assert(isnan(quality) || (quality >= 0 && quality <= 1));
        assert(isnan(confidence) || (confidence >= 0 && confidence <= 1));
        assert(isfinite(samples->cost[model][i]) && samples->cost[model][i] >= 0);
    }
}

static void check(const struct samples *samples)
{
    assert(samples->count > 0 && samples->model_count >= 2 && samples->model_count <= PREDICTOR_MODELS_MAX);
    for (size_t i = 0; i < samples->model_count; i++)
        check_model(samples, i);
    for (size_t i = 0; i < samples->count; i++) {
        assert(samples->folds[i] < SAMPLES_FOLDS);
        assert(samples->subjects[i] == UINT32_MAX || samples->subjects[i] < samples->subject_count);
        for (size_t k = 0; k < FEATURES_BUILT; k++)
            assert(isfinite(samples->built[i * FEATURES_BUILT + k]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct samples samples;
    struct error error = {0};
    if (samples_parse((struct str){(const char *)data, size}, "rows", 1, &samples, &error) == OK) {
        check(&samples);
        samples_deinit(&samples);
    } else {
        assert(error.code == ERROR_INVALID || error.code == ERROR_TOO_LARGE);
        assert(!strncmp(error.message, "rows:", 5));
    }
    return 0;
}
