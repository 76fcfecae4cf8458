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

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

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
        case GGML_TYPE_F32: kernel = KERNEL_F32; return true;
        case GGML_TYPE_F16: kernel = KERNEL_F16; return true;
        case GGML_TYPE_BF16: kernel = KERNEL_BF16; return true;
        default: return false;
    }
}

int64_t planes_of(const ggml_tensor * weights) {
    return weights->ne[2] * weights->ne[3];
}

// Each plane of a tensor (an expert's matrix) has tiles of its own.
size_t plane_bytes(const ggml_tensor * weights, kernel_type kernel) {
    const int64_t tiles = (weights->ne[1] + KERNEL_TILE_ROWS - 1) / KERNEL_TILE_ROWS;
    return (size_t) tiles * kernel_tile_bytes(kernel, weights->ne[0]);
}

void * row_of(const ggml_tensor * tensor, int64_t i1, int64_t i2, int64_t i3) {
    return (char *) tensor->data + i1 * tensor->nb[1] + i2 * tensor->nb[2] + i3 * tensor->nb[3];
}

// Row `row` of a tensor whose rows are counted through all planes.
void * row_of(const ggml_tensor * tensor, int64_t row) {
    return row_of(tensor, row % tensor->ne[1], row / tensor->ne[1] % tensor->ne[2],
                  row / tensor->ne[1] / tensor->ne[2]);
}

// Columns of one plane of weights: they lie one behind the other among the quantised ones and in `out`.
struct group {
    int64_t plane, first, count;
};

// What a product keeps in the threads' common work buffer. Without a buffer: only how much that is.
struct work {
    work(void * data, size_t column_bytes, int64_t columns, int64_t planes) : data((char *) data) {
        quantised = (uint8_t *) take(column_bytes * (size_t) columns);
        out       = (float **) take(sizeof(float *) * (size_t) columns);
        in        = (const float **) take(sizeof(float *) * (size_t) columns);
        groups    = (group *) take(sizeof(group) * (size_t) planes);
        count     = (int64_t *) take(sizeof(int64_t));
    }

    char *         data;
    size_t         bytes = 0;
    uint8_t *      quantised;
    float **       out;  // [column]
    const float ** in;   // [column]
    group *        groups;
    int64_t *      count;  // of groups

  private:
    void * take(size_t size) {
        void * taken = data ? data + bytes : nullptr;
        bytes += GGML_PAD(size, 64);
        return taken;
    }
};

class tile_traits : public ggml::cpu::tensor_traits {
  public:
    explicit tile_traits(kernel_type kernel) : kernel(kernel) {}

    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        switch (op->op) {
            case GGML_OP_MUL_MAT:
            case GGML_OP_MUL_MAT_ID: size = work_of(nullptr, op).bytes; return true;
            case GGML_OP_GET_ROWS:
                size = kernel_row_bytes(kernel, op->src[0]->ne[0]) * (size_t) n_threads;
                return true;
            default: return false;
        }
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        switch (op->op) {
            case GGML_OP_MUL_MAT:
            case GGML_OP_MUL_MAT_ID: multiply(params, op); return true;
            case GGML_OP_GET_ROWS: get_rows(params, op); return true;
            default: return false;
        }
    }

    void pack(ggml_tensor * weights, const uint8_t * rows) const {
        const int64_t k = weights->ne[0], count = weights->ne[1];
        const size_t row_bytes = kernel_row_bytes(kernel, k), tile_bytes = kernel_tile_bytes(kernel, k);
        uint8_t * tile = (uint8_t *) weights->data;
        for (int64_t plane = 0; plane < planes_of(weights); plane++) {
            for (int64_t row = 0; row < count; row += KERNEL_TILE_ROWS, tile += tile_bytes) {
                kernel_pack(kernel, k, rows + (size_t) (plane * count + row) * row_bytes,
                            (int) std::min<int64_t>(KERNEL_TILE_ROWS, count - row), tile);
            }
        }
    }

    // A row of those of all planes.
    const uint8_t * unpack_row(const ggml_tensor * weights, int64_t row, uint8_t * blocks) const {
        const int64_t k = weights->ne[0], in_plane = row % weights->ne[1];
        const uint8_t * tile = (const uint8_t *) weights->data +
            (size_t) (row / weights->ne[1]) * plane_bytes(weights, kernel) +
            (size_t) (in_plane / KERNEL_TILE_ROWS) * kernel_tile_bytes(kernel, k);
        kernel_unpack_row(kernel, k, tile, (int) (in_plane % KERNEL_TILE_ROWS), blocks);
        return blocks;
    }

    const kernel_type kernel;

  private:
    work work_of(void * data, const ggml_tensor * op) const {
        return work(data, kernels.column_bytes(kernel, op->src[0]->ne[0]), ggml_nrows(op), planes_of(op->src[0]));
    }

    // One thread groups columns by plane, all quantise them, then pieces of planes are dealt out.
    void multiply(ggml_compute_params * params, ggml_tensor * op) const {
        const ggml_tensor * weights = op->src[0], * x = op->src[1];
        const int64_t k = weights->ne[0], rows = weights->ne[1], columns = ggml_nrows(op);
        const size_t column_bytes = kernels.column_bytes(kernel, k), tile_bytes = kernel_tile_bytes(kernel, k);
        const work work = work_of(params->wdata, op);
        GGML_ASSERT(params->wsize >= work.bytes);
        GGML_ASSERT(x->nb[0] == sizeof(float) && op->nb[0] == sizeof(float));

        if (params->ith == 0) {
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
            *work.count = op->op == GGML_OP_MUL_MAT ? group_planes(op, work) : group_experts(op, work);
        }
        ggml_barrier(params->threadpool);
        for (int64_t c = params->ith; c < columns; c += params->nth) {
            kernels.quantise(kernel, k, work.in[c], work.quantised + (size_t) c * column_bytes);
        }
        ggml_barrier(params->threadpool);

        const int64_t least = 4 * KERNEL_TILE_ROWS, pieces_wanted = (params->nth * 4 + *work.count - 1) / *work.count;
        const int64_t piece = params->nth == 1 ? rows : GGML_PAD(std::max(least, rows / pieces_wanted), least);
        const int64_t pieces = (rows + piece - 1) / piece;
        for (int64_t at = params->ith; at < pieces * *work.count;
             at = ggml_threadpool_chunk_add(params->threadpool, 1)) {
            const group & group = work.groups[at / pieces];
            const int64_t row = at % pieces * piece;
            kernels.product(kernel, k,
                            (const uint8_t *) weights->data + (size_t) group.plane * plane_bytes(weights, kernel) +
                                (size_t) (row / KERNEL_TILE_ROWS) * tile_bytes,
                            (int) std::min(piece, rows - row), work.quantised + (size_t) group.first * column_bytes,
                            column_bytes, (int) group.count, work.out + group.first, (size_t) row);
        }
    }

    // Weights of one plane meet all columns, those of more planes each its share of the planes of columns.
    static int64_t group_planes(const ggml_tensor * op, const work & work) {
        const ggml_tensor * weights = op->src[0], * x = op->src[1];
        const int64_t share2 = x->ne[2] / weights->ne[2], share3 = x->ne[3] / weights->ne[3];
        int64_t column = 0;
        for (int64_t plane = 0; plane < planes_of(weights); plane++) {
            const int64_t from2 = plane % weights->ne[2] * share2, from3 = plane / weights->ne[2] * share3;
            const int64_t first = column;
            for (int64_t i3 = from3; i3 < from3 + share3; i3++) {
                for (int64_t i2 = from2; i2 < from2 + share2; i2++) {
                    for (int64_t i1 = 0; i1 < x->ne[1]; i1++, column++) {
                        work.in[column]  = (const float *) row_of(x, i1, i2, i3);
                        work.out[column] = (float *) row_of(op, i1, i2, i3);
                    }
                }
            }
            work.groups[plane] = { plane, first, column - first };
        }
        return planes_of(weights);
    }

    // Column (slot, token) meets the plane that the index of experts names. Experts without columns are left out.
    static int64_t group_experts(const ggml_tensor * op, const work & work) {
        const ggml_tensor * x = op->src[1], * ids = op->src[2];
        const int64_t experts = op->src[0]->ne[2];
        for (int64_t expert = 0; expert < experts; expert++) {
            work.groups[expert] = { expert, 0, 0 };
        }
        for (int64_t i = 0; i < ggml_nelements(ids); i++) {
            work.groups[expert_of(ids, i % ids->ne[0], i / ids->ne[0], experts)].count++;
        }
        for (int64_t expert = 1; expert < experts; expert++) {
            work.groups[expert].first = work.groups[expert - 1].first + work.groups[expert - 1].count;
        }
        for (int64_t token = 0; token < ids->ne[1]; token++) {
            for (int64_t slot = 0; slot < ids->ne[0]; slot++) {
                const int64_t column = work.groups[expert_of(ids, slot, token, experts)].first++;
                work.in[column]      = (const float *) row_of(x, slot % x->ne[1], token, 0);
                work.out[column]     = (float *) row_of(op, slot, token, 0);
            }
        }
        int64_t used = 0;
        for (int64_t expert = 0; expert < experts; expert++) {
            const group & group = work.groups[expert];
            if (group.count > 0) {
                work.groups[used++] = { expert, group.first - group.count, group.count };
            }
        }
        return used;
    }

    static int32_t expert_of(const ggml_tensor * ids, int64_t slot, int64_t token, int64_t experts) {
        const int32_t expert =
            *(const int32_t *) ((const char *) ids->data + token * ids->nb[1] + slot * ids->nb[0]);
        GGML_ASSERT(expert >= 0 && expert < experts);
        return expert;
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
            float * out = (float *) row_of(op, i);
            if (to_float) {
                to_float(unpack_row(weights, row, blocks), out, k);
            } else {
                unpack_row(weights, row, (uint8_t *) out); // floats already
            }
        }
    }
};

tile_traits * traits_of(const ggml_tensor * weights) {
    static tile_traits traits[KERNEL_TYPES] = {
        tile_traits(KERNEL_Q4_0), tile_traits(KERNEL_Q4_1), tile_traits(KERNEL_Q5_0), tile_traits(KERNEL_Q5_1),
        tile_traits(KERNEL_Q8_0), tile_traits(KERNEL_Q4_K), tile_traits(KERNEL_Q5_K), tile_traits(KERNEL_Q6_K),
        tile_traits(KERNEL_F32),  tile_traits(KERNEL_F16),  tile_traits(KERNEL_BF16),
    };
    kernel_type kernel;
    return kernel_type_of(weights->type, kernel) ? &traits[kernel] : nullptr;
}

// Weights under another shape, which some models' graphs give them, are still in tiles if no tile was cut.
bool is_whole(const ggml_tensor * weights) {
    const ggml_tensor * source = weights->view_src;
    return !source || (weights->view_offs == 0 && weights->ne[0] == source->ne[0] && ggml_is_contiguous(weights) &&
                       (weights->ne[1] == source->ne[1] ||
                        (weights->ne[1] % KERNEL_TILE_ROWS == 0 && source->ne[1] % KERNEL_TILE_ROWS == 0)));
}

bool is_ours(ggml_op op) {
    return op == GGML_OP_MUL_MAT || op == GGML_OP_MUL_MAT_ID || op == GGML_OP_GET_ROWS;
}

class tile_buffer_type : public ggml::cpu::extra_buffer_type {
  public:
    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        const ggml_tensor * weights = op->src[0], * x = op->src[1];
        if (!is_ours(op->op) || !weights->buffer || weights->buffer->buft->context != this || !traits_of(weights)) {
            return false;
        }
        if (x->buffer && !ggml_backend_buft_is_host(x->buffer->buft)) {
            return false;
        }
        if (op->op == GGML_OP_GET_ROWS) {
            // Small tables would be mostly padding, and graphs look into them by other ways than by rows.
            return x->type == GGML_TYPE_I32 && weights->ne[1] >= KERNEL_TILE_ROWS && planes_of(weights) == 1;
        }
        return x->type == GGML_TYPE_F32;
    }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        if (op->op == GGML_OP_FLASH_ATTN_EXT) {
            return attention_traits_of(op);
        }
        const ggml_tensor * weights = op->src[0];
        if (!is_ours(op->op) || !weights->buffer || weights->buffer->buft->context != this) {
            return nullptr;
        }
        GGML_ASSERT(is_whole(weights) && "weights in tiles under a shape that cuts tiles: set GGML_CPU_TILES=0");
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
    for (int64_t row = 0; row < ggml_nrows(tensor); row++) {
        traits->unpack_row(tensor, row, (uint8_t *) data + (size_t) row * row_bytes);
    }
}

const char * buffer_type_name(ggml_backend_buffer_type_t) {
    return "CPU_TILES";
}

// Weights are written once and read by every product: large pages spare faults at load and look-ups of addresses later.
void ask_for_large_pages(ggml_backend_buffer_t buffer) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE), base = (uintptr_t) ggml_backend_buffer_get_base(buffer);
    const uintptr_t begin = GGML_PAD(base, page), end = (base + ggml_backend_buffer_get_size(buffer)) / page * page;
    if (end > begin) {
        (void) madvise((void *) begin, end - begin, MADV_HUGEPAGE);
    }
#else
    GGML_UNUSED(buffer);
#endif
}

ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (buffer) {
        ask_for_large_pages(buffer);
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
    return traits ? plane_bytes(tensor, traits->kernel) * (size_t) planes_of(tensor) : ggml_nbytes(tensor);
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
