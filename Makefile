# Fulcrum. `make help` lists the targets; docs/DEPENDENCIES.md says where the libraries come from.

VERSION := 0.1.0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# --- choices: CC=clang, SANITIZE=address,undefined or thread, ACCEL=cpu|cuda|vulkan, BUILD=folder -----

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(CC),clang)
override CC := $(firstword $(shell command -v clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14) clang-14)
endif
CXX := $(subst clang,clang++,$(subst gcc,g++,$(CC)))
ACCEL ?= cpu
comma := ,
FLAVOUR := $(notdir $(CC))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
BUILD ?= build
OBJ := $(BUILD)/obj/$(FLAVOUR)

# --- dependencies: installed and built, once, before anything is compiled -----------------------------

ifneq ($(filter-out clean help lint model,$(or $(MAKECMDGOALS),all)),)
GROUPS_NEEDED := $(if $(filter test guard unit $(BUILD)/tests/%,$(MAKECMDGOALS)),--for test) \
	$(if $(filter fuzz guard,$(MAKECMDGOALS))$(findstring clang,$(CC)),--for fuzz)
INSTALLED := $(shell ACCEL=$(ACCEL) deps/install $(GROUPS_NEEDED))
DEPS := $(firstword $(INSTALLED))
BACKENDS := $(word 2,$(INSTALLED))
CHARTS := $(word 3,$(INSTALLED))
TEMPLATES := $(word 4,$(INSTALLED))
ifeq ($(TEMPLATES),)
$(error the dependencies could not be installed, see above)
endif
include $(DEPS)/deps.mk
endif

# --- flags --------------------------------------------------------------------------------------------

COMMON := -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -Isrc -MMD -MP -Wall -Wextra -Wshadow -Werror \
	-DFULCRUM_VERSION='"$(VERSION)"' $(DEPS_CFLAGS)
ifeq ($(SANITIZE),)
COMMON += -D_FORTIFY_SOURCE=2 -fstack-protector-strong
else
COMMON += -fsanitize=$(SANITIZE) $(if $(findstring fuzzer,$(SANITIZE)),,-fno-sanitize-recover=all)
endif
C_FLAGS := -std=c17 $(COMMON) -Wconversion -Wstrict-prototypes -Wvla $(CFLAGS)
CXX_FLAGS := -std=c++17 $(COMMON) $(CXXFLAGS)
LD_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS := $(TEMPLATES)/libjinja.a $(DEPS_LIBS) -lnghttp2 -luv -lssl -lcrypto -lyaml -lcurl -lzstd -lxxhash -lzip -lxml2 -lgumbo -licuuc -lz -lm -lpthread -lstdc++

# --- sources are discovered ---------------------------------------------------------------------------

find = $(shell find $(1) -name '$(2)' 2>/dev/null | LC_ALL=C sort)
objects = $(patsubst %,$(OBJ)/%.o,$(1))

# Kernels for ggml: deps/install compiles them into its CPU backend. Here, for tests, once for each set of instructions;
# sanitizers take minutes over them with -O3.
KERNEL_SRC := $(addprefix src/kernels/,attention.c attention_cells.c columns.c floats.c product.c quants.c variant.c)
KERNEL_SETS := $(if $(filter x86_64,$(shell uname -m)),avx512 avx_vnni avx2)
KERNEL_FLAGS_avx2 := -mavx2 -mfma -mf16c -mbmi2
KERNEL_FLAGS_avx_vnni := $(KERNEL_FLAGS_avx2) -mavxvnni
KERNEL_FLAGS_avx512 := $(KERNEL_FLAGS_avx2) -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mavx512vnni

LIB_SRC := $(filter-out src/main.c src/kernels/ggml_% $(KERNEL_SRC),$(call find,src,*.c) $(call find,src,*.cpp) \
	$(call find,src,*.S))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_SUPPORT := $(call objects,$(wildcard tests/unit/support*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)
BENCH_SUPPORT := $(call objects,$(wildcard bench/support*.c))
AFFINITY_PARTS := bench/affinity_servers.c
CACHE_PARTS := $(addprefix bench/cache_,bed.c document.c tenants.c)
DISTILL_PARTS := bench/distill_speed.c
GATEWAY_PARTS := $(addprefix bench/gateway_,peers.c upstream.c)
KERNELS_PARTS := $(addprefix bench/kernels_,bed.c load.c perplexity.c rates.c same.c)
ROUTE_PARTS := $(addprefix bench/route_,desk.c talk.c)
TIERS_PARTS := $(addprefix bench/tiers_,bed.c documents.c)
BENCH_SRC := $(filter-out bench/support% $(AFFINITY_PARTS) $(CACHE_PARTS) $(DISTILL_PARTS) $(GATEWAY_PARTS) \
	$(KERNELS_PARTS) $(ROUTE_PARTS) $(TIERS_PARTS),$(wildcard bench/*.c))
BENCH_TOOLS := cache_replay instant_worker # want arguments: run by hand and by tests, not by `make bench`

# The console's page: the files of console/, and its charts below vendor/.
CONSOLE_SRC := $(call find,console -type f,[!.]*)
CONSOLE_FILES := $(foreach file,$(CONSOLE_SRC),$(file:console/%=%)=$(file)) $(foreach name,uplot.js uplot.css,vendor/$(name)=$(CHARTS)/$(name))
CONSOLE_OBJ := $(OBJ)/console/assets.S.o

LIB := $(BUILD)/libfulcrum.a
KERNEL_OBJ := $(foreach set,$(KERNEL_SETS),$(KERNEL_SRC:src/kernels/%=$(OBJ)/src/kernels/$(set)/%.o))
SANITIZE_SUPPORT := $(if $(findstring thread,$(SANITIZE)),$(call objects,tests/sanitize/syscall.c))
LINKED := $(SANITIZE_SUPPORT) $(LIB) $(BUILD)/flavour
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
REPLAY_BIN := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(BUILD)/tests/replay_%)
TOOL_BIN := $(TOOL_SRC:tests/tools/%.c=$(BUILD)/tests/tools/%)
BENCH_BIN := $(BENCH_SRC:bench/%.c=$(BUILD)/bench/%)

# Short lines unless V=1.
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-4s %s\n' $(1) $(2))

# --- rules --------------------------------------------------------------------------------------------

.PHONY: all run model test bench lint fuzz guard guard-here clean help unit
all: $(if $(wildcard src/main.c),$(BUILD)/fulcrum)

# Everything compiled depends on a file that changes with the flags, everything linked on one that
# changes with the flavour; both are written only when their content differs.
stamp = $(shell mkdir -p $(dir $(1)); printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $(1) || printf '%s\n' '$(subst ','\'',$(2))' >$(1))
ifneq ($(DEPS),)
$(call stamp,$(OBJ)/flags,$(C_FLAGS) $(CXX_FLAGS))
$(call stamp,$(OBJ)/backends,$(BACKENDS))
$(call stamp,$(OBJ)/console/files,$(CONSOLE_FILES))
$(call stamp,$(BUILD)/flavour,$(FLAVOUR) $(LD_FLAGS) $(LIBS) $(LIB_SRC))
endif

$(OBJ)/%.c.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(C_FLAGS) -c $< -o $@

$(OBJ)/%.cpp.o: %.cpp $(OBJ)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(CXX_FLAGS) -c $< -o $@

$(OBJ)/%.S.o: %.S $(OBJ)/flags $(wildcard models/* prices/*)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(COMMON) -c $< -o $@

$(OBJ)/console/assets.S: $(CONSOLE_SRC) $(OBJ)/console/files src/api/console/embed
	$(call say,GEN,$@)
	$(Q)src/api/console/embed $(@D) $(CONSOLE_FILES) >$@
$(CONSOLE_OBJ): $(OBJ)/console/assets.S $(OBJ)/flags
	$(Q)$(CC) $(COMMON) -c $< -o $@

# Where ggml's CPU variants lie, which a change of src/kernels moves.
BACKENDS_NAMED := $(call objects,src/engine/model.c src/distill/graph.c bench/attention.c bench/kernels.c \
	bench/kernels_rates.c tests/unit/test_tiles.c)
$(BACKENDS_NAMED): C_FLAGS += -DFULCRUM_BACKEND_DIR='"$(BACKENDS)"'
$(BACKENDS_NAMED): $(OBJ)/backends

# The only file that includes llama.h; C++ exceptions unwind through it to the guard.
$(OBJ)/src/engine/model.c.o: C_FLAGS += -fexceptions

# The only file that includes headers of llama.cpp's common.
$(OBJ)/src/jinja/render.cpp.o: CXX_FLAGS += -isystem $(DEPS)/share/llama.cpp/common

# Which sets of kernels the processor has, the unit tests say.
$(OBJ)/tests/fuzz/fuzz_kernels.c.o: C_FLAGS += -Itests/unit

# The only file that includes libxml2, whose headers lie in a folder of their own.
$(OBJ)/src/document/package.c.o: C_FLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libxml-2.0))

define kernel_rule
$(OBJ)/src/kernels/$(1)/%.c.o: src/kernels/%.c $(OBJ)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< $(1))
	$$(Q)$$(CC) $$(C_FLAGS) $(if $(SANITIZE),-O1,-O3) $(KERNEL_FLAGS_$(1)) -c $$< -o $$@
endef
$(foreach set,$(KERNEL_SETS),$(eval $(call kernel_rule,$(set))))

$(LIB): $(call objects,$(LIB_SRC)) $(KERNEL_OBJ) $(CONSOLE_OBJ) $(BUILD)/flavour
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $(filter %.o,$^)

define link
@mkdir -p $(@D)
$(call say,LD,$@)
$(Q)$(CXX) $(LD_FLAGS) $(filter %.o,$^) $(LIB) $(1) $(LIBS) -o $@
endef

$(BUILD)/fulcrum: $(OBJ)/src/main.c.o $(LINKED)
	$(call link)
$(BUILD)/tests/test_%: $(OBJ)/tests/unit/test_%.c.o $(UNIT_SUPPORT) $(LINKED)
	$(call link,-lcmocka)
$(BUILD)/tests/replay_%: $(OBJ)/tests/fuzz/fuzz_%.c.o $(OBJ)/tests/fuzz/replay_main.c.o $(LINKED)
	$(call link)
$(BUILD)/tests/tools/%: $(OBJ)/tests/tools/%.c.o $(LINKED)
	$(call link)
$(BUILD)/bench/affinity: $(call objects,$(AFFINITY_PARTS))
$(BUILD)/bench/cache: $(call objects,$(CACHE_PARTS))
$(BUILD)/bench/distill: $(call objects,$(DISTILL_PARTS))
$(BUILD)/bench/gateway: $(call objects,$(GATEWAY_PARTS))
$(BUILD)/bench/kernels: $(call objects,$(KERNELS_PARTS))
$(BUILD)/bench/route: $(call objects,$(ROUTE_PARTS))
$(BUILD)/bench/tiers: $(call objects,$(TIERS_PARTS))
$(BUILD)/bench/%: $(OBJ)/bench/%.c.o $(BENCH_SUPPORT) $(LINKED)
	$(call link)
$(BUILD)/fuzz/%: $(OBJ)/tests/fuzz/%.c.o $(LINKED)
	$(call link,-fsanitize=fuzzer)

# --- targets ------------------------------------------------------------------------------------------

# MODEL=smollm2 serves that model beside the embedded pair: examples/MODEL.yaml says under which IDs.
run: all $(if $(MODEL),model)
	$(BUILD)/fulcrum serve --listen 127.0.0.1:8080 $(if $(MODEL),--config $(BUILD)/models/$(MODEL).yaml) $(ARGS)

model: MODEL ?= smollm2
model:
	@mkdir -p $(BUILD)/models
	@file=$$(deps/model $(MODEL)) && ln -sf $$file $(BUILD)/models/$(MODEL).gguf && \
		cp examples/$(MODEL).yaml models/desk-pro.gguf $(BUILD)/models/ && echo $(BUILD)/models/$(MODEL).gguf

# Builds the unit tests without running them.
unit: $(UNIT_BIN) $(REPLAY_BIN) $(TOOL_BIN) $(BENCH_TOOLS:%=$(BUILD)/bench/%)

test: all unit
	@FULCRUM_DEPS=$(DEPS) SANITIZE=$(SANITIZE) BUILD=$(BUILD) tests/run '$(T)'

# Every program of bench/ runs from here without arguments, prints its table and writes
# $(BUILD)/bench/NAME.json.
bench: all $(BENCH_BIN)
	@for name in $(or $(B),$(filter-out $(BENCH_TOOLS),$(BENCH_SRC:bench/%.c=%))); do \
		FULCRUM_DEPS=$(DEPS) BENCH_MODEL=$${BENCH_MODEL:-$$(deps/model --print smollm2)} $(BUILD)/bench/$$name || exit 1; done

lint:
	@tests/lint

# What stands between the program and its enemies, under sanitizers: the unit tests of protocols and parsers, the
# corpora, then FUZZ_SECONDS shared by all fuzz targets. Objects of its own, so that build/ stays what it is.
GUARDED := http net protocol json sigv4 auth eventstream sse xml s3 objects store config condition chat template reply \
	grammar schema api document ledger jobs batch test_work test_disk io_faults core limits engine_text \
	engine_fair_queue route_labels route_agree advise monitor alarm console

guard:
	$(MAKE) BUILD=$(BUILD)/guard CC=clang SANITIZE=fuzzer-no-link,address,undefined guard-here
guard-here: unit $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
	@FULCRUM_DEPS=$(DEPS) SANITIZE=$(SANITIZE) BUILD=$(BUILD) tests/run --programs $(GUARDED) replay_
	@tests/fuzz_all $(BUILD) $(FUZZ_SECONDS)

# Runs one fuzz target for FUZZ_SECONDS. New inputs stay in $(BUILD)/fuzz, a crash is written there too.
FUZZ_SECONDS ?= 60
fuzz:
	@test -f tests/fuzz/fuzz_$(T).c || { echo "make fuzz T=name, name being one of: $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)"; exit 2; }
	$(MAKE) CC=clang SANITIZE=fuzzer-no-link,address,undefined $(BUILD)/fuzz/fuzz_$(T)
	@mkdir -p $(BUILD)/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)
	$(BUILD)/fuzz/fuzz_$(T) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(BUILD)/fuzz/$(T)- $(BUILD)/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)

clean:
	rm -rf $(BUILD)

help:
	@echo "make                        build build/fulcrum"
	@echo "make run [ARGS=...]         build and serve on 127.0.0.1:8080; MODEL=smollm2 a pretrained model, too"
	@echo "make model [MODEL=smollm2]  fetch that model only"
	@echo "make test [T=pattern]       build and run the tests whose name contains the pattern"
	@echo "make bench [B=name]         measure, write $(BUILD)/bench/NAME.json"
	@echo "make lint                   check the house rules"
	@echo "make fuzz T=name            fuzz one parser for FUZZ_SECONDS (60)"
	@echo "make guard                  unit tests of protocols and parsers under sanitizers, all fuzz targets for a minute"
	@echo "make clean                  remove $(BUILD)/"
	@echo "with any of them: SANITIZE=address,undefined|thread  CC=clang  ACCEL=cpu|cuda|vulkan  V=1"

-include $(call find,$(OBJ),*.d)
.SECONDARY:
