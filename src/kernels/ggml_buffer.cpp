// ggml_buffer.cpp - the kernels' place in ggml: a buffer type of its CPU backend that keeps weights in tiles and
// multiplies them (kernels.h). deps/install compiles it into each of the backend's variants; the loader of models asks
// supports_op and puts a weight here when every operation on it is one of ours. Part of no program of this folder.
#include "ggml-backend-impl.h"
#include "ggml-cpu-impl.h"
#include "ggml-cpu.h"
#include "traits.h"

#include "ggml_parts.h"
#include "kernels.h"
#include "lanes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#ifdef KERNELS_NAME

namespace {

const struct kernels & kernels = KERNELS_NAME;

bool kernel_type_of(ggml_type type, kernel_type & kernel) {
    switch (type) {
        case GGML_TYPE_Q4_0: kernel = KERNEL_Q4_0; return true;
        case GGML_TYPE_Q4_1: kernel = KERNEL_Q4_1; return true;
        case GGML_TYPE_Q5_0: kernel = KERNEL_Q5_0; return true;
        case GGML_TYPE_Q5_1: kernel = KERNEL_Q5_1; return true;
        case GGML_TYPE_Q8_0: kernel = KERNEL_Q8_0; return true;
        case GGML_TYPE_Q4_K: kernel = KERNEL_Q4_K; return true;
        case GGML_TYPE_Q5_K: kernel = KERNEL_Q5_K; return true;
        case GGML_TYPE_Q6_K: kernel = KERNEL_Q6_K; return true;
        default: return false;
    }
}

size_t tiles_bytes(const ggml_tensor * weights, kernel_type kernel) {
    const int64_t tiles = (weights->ne[1] + KERNEL_TILE_ROWS - 1) / KERNEL_TILE_ROWS;
    return (size_t) tiles * kernel_tile_bytes(kernel, weights->ne[0]);
}

class tile_traits : public ggml::cpu::tensor_traits {
  public:
    explicit tile_traits(kernel_type kernel) : kernel(kernel) {}

    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        if (op->op == GGML_OP_MUL_MAT) {
            size = kernels.column_bytes(kernel, op->src[0]->ne[0]) * (size_t) ggml_nrows(op->src[1]);
        } else if (op->op == GGML_OP_GET_ROWS) {
            size = kernel_row_bytes(kernel, op->src[0]->ne[0]) * (size_t) n_threads;
        } else {
            return false;
        }
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        if (op->op == GGML_OP_MUL_MAT) {
            mul_mat(params, op);
        } else if (op->op == GGML_OP_GET_ROWS) {
            get_rows(params, op);
        } else {
            return false;
        }
        return true;
    }

    void pack(ggml_tensor * weights, const uint8_t * rows) const {
        const int64_t k = weights->ne[0], count = weights->ne[1];
        const size_t row_bytes = kernel_row_bytes(kernel, k), tile_bytes = kernel_tile_bytes(kernel, k);
        uint8_t * tile = (uint8_t *) weights->data;
        for (int64_t row = 0; row < count; row += KERNEL_TILE_ROWS, tile += tile_bytes) {
            kernel_pack(kernel, k, rows + (size_t) row * row_bytes,
                        (int) std::min<int64_t>(KERNEL_TILE_ROWS, count - row), tile);
        }
    }

    const uint8_t * unpack_row(const ggml_tensor * weights, int64_t row, uint8_t * blocks) const {
        const int64_t k = weights->ne[0];
        const uint8_t * tile = (const uint8_t *) weights->data +
            (size_t) (row / KERNEL_TILE_ROWS) * kernel_tile_bytes(kernel, k);
        kernel_unpack_row(kernel, k, tile, (int) (row % KERNEL_TILE_ROWS), blocks);
        return blocks;
    }

    const kernel_type kernel;

  private:
    // Columns are quantised by all threads, then tiles are dealt out two at a time or in larger pieces.
    void mul_mat(ggml_compute_params * params, ggml_tensor * op) const {
        const ggml_tensor * weights = op->src[0], * x = op->src[1];
        const int64_t k = weights->ne[0], rows = weights->ne[1], columns = ggml_nrows(x);
        const size_t column_bytes = kernels.column_bytes(kernel, k), tile_bytes = kernel_tile_bytes(kernel, k);
        uint8_t * quantised = (uint8_t *) params->wdata;
        GGML_ASSERT(params->wsize >= column_bytes * (size_t) columns);
        GGML_ASSERT(x->nb[0] == sizeof(float) && op->nb[0] == sizeof(float));

        for (int64_t c = params->ith; c < columns; c += params->nth) {
            kernels.quantise(kernel, k, (const float *) row_of(x, c), quantised + (size_t) c * column_bytes);
        }
        const int64_t least = 2 * KERNEL_TILE_ROWS;
        const int64_t piece = params->nth == 1 ? rows : GGML_PAD(std::max(least, rows / (params->nth * 4)), least);
        if (params->ith == 0) {
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        ggml_barrier(params->threadpool);

        for (int64_t row = params->ith * piece; row < rows;
             row = ggml_threadpool_chunk_add(params->threadpool, 1) * piece) {
            const uint8_t * tiles = (const uint8_t *) weights->data + (size_t) (row / KERNEL_TILE_ROWS) * tile_bytes;
            const int here = (int) std::min(piece, rows - row);
            for (int64_t c = 0; c < columns; c += op->ne[1]) { // a plane: its columns lie at one distance
                kernels.product(kernel, k, tiles, here, quantised + (size_t) c * column_bytes, column_bytes,
                                (int) op->ne[1], (float *) row_of(op, c) + row, op->nb[1] / sizeof(float));
            }
            if (params->nth == 1) {
                break;
            }
        }
    }

    void get_rows(ggml_compute_params * params, ggml_tensor * op) const {
        const ggml_tensor * weights = op->src[0], * which = op->src[1];
        const int64_t k = weights->ne[0];
        uint8_t * blocks = (uint8_t *) params->wdata + (size_t) params->ith * kernel_row_bytes(kernel, k);
        const ggml_to_float_t to_float = ggml_get_type_traits(weights->type)->to_float;
        for (int64_t i = params->ith; i < ggml_nelements(which); i += params->nth) {
            const int32_t row = *(const int32_t *) ((const char *) row_of(which, i / which->ne[0]) +
                                                    (size_t) (i % which->ne[0]) * which->nb[0]);
            GGML_ASSERT(row >= 0 && row < weights->ne[1]);
            to_float(unpack_row(weights, row, blocks), (float *) row_of(op, i), k);
        }
    }

    static void * row_of(const ggml_tensor * tensor, int64_t row) {
        const int64_t i1 = row % tensor->ne[1], i2 = row / tensor->ne[1] % tensor->ne[2],
                      i3 = row / tensor->ne[1] / tensor->ne[2];
        return (char *) tensor->data + i1 * tensor->nb[1] + i2 * tensor->nb[2] + i3 * tensor->nb[3];
    }
};

tile_traits * traits_of(const ggml_tensor * weights) {
    static tile_traits traits[KERNEL_TYPES] = {
        tile_traits(KERNEL_Q4_0), tile_traits(KERNEL_Q4_1), tile_traits(KERNEL_Q5_0), tile_traits(KERNEL_Q5_1),
        tile_traits(KERNEL_Q8_0), tile_traits(KERNEL_Q4_K), tile_traits(KERNEL_Q5_K), tile_traits(KERNEL_Q6_K),
    };
    kernel_type kernel;
    return kernel_type_of(weights->type, kernel) && ggml_n_dims(weights) <= 2 ? &traits[kernel] : nullptr;
}

class tile_buffer_type : public ggml::cpu::extra_buffer_type {
  public:
    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        const ggml_tensor * weights = op->src[0], * x = op->src[1];
        if ((op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_GET_ROWS) || !weights->buffer ||
            weights->buffer->buft->context != this || !traits_of(weights)) {
            return false;
        }
        if (x->buffer && !ggml_backend_buft_is_host(x->buffer->buft)) {
            return false;
        }
        return x->type == (op->op == GGML_OP_MUL_MAT ? GGML_TYPE_F32 : GGML_TYPE_I32);
    }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        if (op->op == GGML_OP_FLASH_ATTN_EXT) {
            return attention_traits_of(op);
        }
        const ggml_tensor * weights = op->src[0];
        if ((op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_GET_ROWS) || !weights->buffer ||
            weights->buffer->buft->context != this) {
            return nullptr;
        }
        return (ggml::cpu::tensor_traits *) weights->extra;
    }
};

ggml_status init_tensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    tensor->extra = static_cast<ggml::cpu::tensor_traits *>(traits_of(tensor));
    return GGML_STATUS_SUCCESS;
}

void set_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor));
    traits_of(tensor)->pack(tensor, (const uint8_t *) data);
}

void get_tensor(ggml_backend_buffer_t, const ggml_tensor * tensor, void * data, size_t offset, size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor));
    const tile_traits * traits = traits_of(tensor);
    const size_t row_bytes = kernel_row_bytes(traits->kernel, tensor->ne[0]);
    for (int64_t row = 0; row < tensor->ne[1]; row++) {
        traits->unpack_row(tensor, row, (uint8_t *) data + (size_t) row * row_bytes);
    }
}

const char * buffer_type_name(ggml_backend_buffer_type_t) {
    return "CPU_TILES";
}

ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (buffer) {
        buffer->buft              = type;
        buffer->iface.init_tensor = init_tensor;
        buffer->iface.set_tensor  = set_tensor;
        buffer->iface.get_tensor  = get_tensor;
        buffer->iface.cpy_tensor  = nullptr;
    }
    return buffer;
}

size_t alignment(ggml_backend_buffer_type_t) {
    return 64;
}

size_t alloc_size(ggml_backend_buffer_type_t, const ggml_tensor * tensor) {
    const tile_traits * traits = traits_of(tensor);
    return traits ? tiles_bytes(tensor, traits->kernel) : ggml_nbytes(tensor);
}

}  // namespace

// NULL with GGML_CPU_TILES=0 in the environment: then ggml is as it was released.
ggml_backend_buffer_type_t ggml_backend_cpu_tiles_buffer_type() {
    static const char * setting = getenv("GGML_CPU_TILES");
    if (setting && !strcmp(setting, "0")) {
        return nullptr;
    }
    static ggml_backend_buffer_type type = {
        /* .iface   = */ {buffer_type_name, alloc_buffer, alignment, nullptr, alloc_size, nullptr},
        /* .device  = */ ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
        /* .context = */ new tile_buffer_type(),
    };
    return &type;
}

// Whether the kernels compute this operation of a graph. Then each row of its result comes from its own inputs alone.
bool ggml_backend_cpu_tiles_takes(const ggml_tensor * op) {
    ggml_backend_buffer_type_t type = ggml_backend_cpu_tiles_buffer_type();
    return type && static_cast<tile_buffer_type *>(type->context)->get_tensor_traits(op);
}

#else

ggml_backend_buffer_type_t ggml_backend_cpu_tiles_buffer_type() {
    return nullptr;
}

bool ggml_backend_cpu_tiles_takes(const ggml_tensor *) {
    return false;
}

#endif
