# SPDX-License-Identifier: Apache-2.0
#
# Culvert's build. Sources are found by wildcard, one archive a layer:
#
#   make                        the programs: $(BUILD)/culvertd, $(BUILD)/culvert
#   make check                  builds and runs the unit tests, several at a time; no root
#   make check T=codel          one of them; T="codel reach" for two
#   make asan | make tsan       the same with sanitizers, in build-asan and build-tsan
#   make debug                  the programs for a debugger, in build-debug
#   make compile_commands.json  for editors
#   make unit                   builds and runs the unit tests one after the other
#   make assumptions            builds and runs the tests of kernel facts relied upon
#   make lint                   format, clang-tidy, cppcheck, shellcheck, pages, comments, layers, circles, exports
#   make format                 rewrites the sources in the house's format
#   make install PREFIX=/usr    honours DESTDIR; makes /etc/culvert, for configuration and keys
#   make uninstall PREFIX=/usr  removes what install has put there; configuration and keys stay
#
# Each step is a line; V=1 shows the commands.
#
# Flags are not tracked: a build with other flags wants a BUILD directory of its own, e.g.
#   make BUILD=build-asan SAN=address,undefined unit

BUILD ?= build
OPT ?= -O2 -g
PREFIX ?= /usr/local
SAN ?=
WERROR ?= 1
VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck
SHELLCHECK ?= shellcheck

# $(call say,WORD,FILE): the line of a step.
ifneq ($(V),1)
Q := @
say = @printf '  %-10s%s\n' '$(1)' '$(2)'
endif

# Layers, lowest first; each may use only what stands before it. Archives are linked in the reverse order.
LAYERS := base wire system config lane netd engine client daemon
dir_base := tunnel/base
dir_wire := tunnel/wire
dir_system := tunnel/system
dir_config := tunnel/config
dir_lane := tunnel/lane
dir_engine := tunnel/engine
dir_netd := tunnel/netd
dir_daemon := daemon
dir_client := client

MAINS := daemon/main.c client/main.c
SOURCES := $(foreach l,$(LAYERS),$(sort $(wildcard $(dir_$(l))/*.c)))
HEADERS := $(foreach l,$(LAYERS),$(sort $(wildcard $(dir_$(l))/*.h)))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
ASSUMPTION_SOURCES := $(sort $(wildcard tests/assumptions/*.c))
HELPER_SOURCES := $(sort $(wildcard tests/system/*.c tests/bench/*.c tests/lab/*.c))
# What tests/system/NAME.c is made of besides: tests/system/NAME/*.c; likewise in tests/bench and tests/lab.
HELPER_PARTS := $(sort $(wildcard tests/system/*/*.c tests/bench/*/*.c tests/lab/*/*.c))
FIXTURE_SOURCES := $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
TEST_SOURCES := $(UNIT_SOURCES) $(FIXTURE_SOURCES) $(ASSUMPTION_SOURCES) $(HELPER_SOURCES) $(HELPER_PARTS)
TEST_HEADERS := $(sort $(wildcard tests/*/*.h tests/*/*/*.h))

PROGRAMS := $(if $(wildcard daemon/main.c),$(BUILD)/culvertd) $(if $(wildcard client/main.c),$(BUILD)/culvert)
UNIT_TESTS := $(UNIT_SOURCES:tests/%.c=$(BUILD)/%)
ASSUMPTIONS := $(ASSUMPTION_SOURCES:tests/%.c=$(BUILD)/%)
HELPERS := $(HELPER_SOURCES:tests/%.c=$(BUILD)/%)

# ---- flags ----

PACKAGES := libnl-3.0 libnl-route-3.0 libconfig openssl
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null))
PKG_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
ifneq ($(WERROR),0)
WARNINGS += -Werror
endif

CPPFLAGS_ALL := -D_GNU_SOURCE -I tunnel -I . $(PKG_CFLAGS)
CFLAGS_ALL := -std=gnu17 $(WARNINGS) $(OPT) -pthread -fPIE -fstack-protector-strong
LDFLAGS_ALL := -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# Nothing without an optimizer, which it needs.
FORTIFY ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
# A sanitizer's finding ends the program, so that no test can pass over it. FORTIFY_SOURCE would hide the calls
# that the sanitizers intercept.
ifneq ($(SAN),)
CFLAGS_ALL += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL += -fsanitize=$(SAN)
else
CPPFLAGS_ALL += $(FORTIFY)
endif

# What only calls what is tested needs no optimizer, which takes more than half of the time to compile it.
UNIT_OPT ?= -O0 -g1 -U_FORTIFY_SOURCE
# libcheck's macros take an empty variable argument, which clang reports at each use; gcc ignores the switch.
TEST_CFLAGS := -Wno-gnu-zero-variadic-macro-arguments

COMPILE = $(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS) -MMD -MP
LINK = $(CC) $(CFLAGS_ALL) $(CFLAGS) $(LDFLAGS_ALL) $(LDFLAGS)

# ---- targets ----

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all tests tests-syntax unit assumptions helpers lint lint-format lint-tidy lint-cppcheck lint-shell lint-docs lint-comments lint-layers lint-circles lint-exports \
	format install uninstall clean help check asan tsan debug FORCE

all: $(PROGRAMS) $(foreach l,$(LAYERS),$(BUILD)/lib$(l).a)

# Everything that scripts/check runs, built and not run.
tests: $(UNIT_TESTS) $(ASSUMPTIONS) $(HELPERS)

helpers: $(HELPERS)

# The tests' sources read by the compiler for its warnings alone.
SYNTAX_STAMPS := $(TEST_SOURCES:%.c=$(BUILD)/syntax/%.ok)
tests-syntax: $(SYNTAX_STAMPS)

$(BUILD)/syntax/%.ok: %.c
	@mkdir -p $(@D)
	$(call say,SYNTAX,$<)
	$(Q)$(COMPILE) -MT $@ -MF $(@:.ok=.d) $(TEST_CFLAGS) -fsyntax-only $<
	$(Q)touch $@

$(foreach l,$(LAYERS),$(eval OBJECTS_$(l) := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(MAINS),$(sort $(wildcard $(dir_$(l))/*.c))))))
# What several unit tests share.
OBJECTS_unit := $(FIXTURE_SOURCES:%.c=$(BUILD)/obj/%.o)

define archive_rules
$(BUILD)/lib$(1).a: $$(OBJECTS_$(1)) $(BUILD)/lib$(1).members
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$(OBJECTS_$(1))
# The list changes when a source goes away, which no time stamp would show.
$(BUILD)/lib$(1).members: FORCE
	$$(Q)mkdir -p $$(@D)
	$$(Q)echo '$$(OBJECTS_$(1))' | cmp -s - $$@ || echo '$$(OBJECTS_$(1))' >$$@
endef
$(foreach l,$(LAYERS) unit,$(eval $(call archive_rules,$(l))))

archive = $(BUILD)/lib$(1).a
DAEMON_ARCHIVES := $(foreach l,daemon engine netd lane config system wire base,$(call archive,$(l)))
CLIENT_ARCHIVES := $(foreach l,client engine netd lane config system wire base,$(call archive,$(l)))
ALL_ARCHIVES := $(foreach l,daemon client engine netd lane config system wire base,$(call archive,$(l)))

$(BUILD)/obj/tests/unit/test_%.o: tests/unit/test_%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) $(TEST_CFLAGS) $(UNIT_OPT) -c -o $@ $<

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) $(TEST_CFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -c -o $@ $<

# One object knows the version, and is compiled again when it is another one; what has its name is linked again with it.
$(BUILD)/obj/tunnel/base/version.o: $(BUILD)/version
$(BUILD)/obj/tunnel/base/version.o $(BUILD)/tidy/tunnel/base/version.ok: CPPFLAGS_ALL += -DCULVERT_VERSION='"$(VERSION)"'
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

$(BUILD)/culvertd: $(BUILD)/obj/daemon/main.o $(DAEMON_ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)

$(BUILD)/culvert: $(BUILD)/obj/client/main.o $(CLIENT_ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)

# A helper's part with a unit test of its own.
$(BUILD)/unit/test_link_schedule: $(BUILD)/obj/tests/bench/link_emulator/schedule.o

$(UNIT_TESTS): $(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(call archive,unit) $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(PKG_LIBS) $(CHECK_LIBS)

$(ASSUMPTIONS): $(BUILD)/assumptions/%: $(BUILD)/obj/tests/assumptions/%.o $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)

$(HELPERS): $(BUILD)/%: $(BUILD)/obj/tests/%.o $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(PKG_LIBS)

parts_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter $(1:$(BUILD)/%=tests/%)/%,$(HELPER_PARTS)))
$(foreach h,$(HELPERS),$(eval $(h): $(call parts_of,$(h))))

# A unit tests' fixture that a helper shares.
$(BUILD)/bench/stages: $(call archive,unit)
# A lab's links are judged by the emulator's own parser.
$(BUILD)/lab/plan: $(BUILD)/obj/tests/bench/link_emulator/options.o

# Runs every program of a list, names those that fail, and fails if any did.
define run_each
	@failed=; for program in $(1); do \
		echo "$$program"; "$$program" || failed="$$failed $$program"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi
endef

unit: $(UNIT_TESTS)
	$(call run_each,$(UNIT_TESTS))

# T names unit tests, with or without their "test_".
CHECKED := $(if $(T),$(patsubst test_%,$(BUILD)/unit/test_%,$(patsubst %,test_%,$(patsubst test_%,%,$(T)))),$(UNIT_TESTS))
PROCESSORS = $(shell nproc)

# Builds and runs as much at a time as there are processors. A test that fails is shown whole.
check:
	$(if $(filter-out $(UNIT_TESTS),$(CHECKED)),$(error there is no unit test $(patsubst $(BUILD)/unit/%,%,$(filter-out $(UNIT_TESTS),$(CHECKED)))))
	+$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j $(PROCESSORS)) $(CHECKED)
	$(Q)printf '%s\n' $(CHECKED) | xargs -P $(PROCESSORS) -I{} sh -c ' \
		said=$$("$$1" 2>&1 </dev/null) && echo "  ok        $$1" || { echo "  FAIL      $$1"; echo "$$said"; exit 1; }' sh {}

# The builds of scripts/check, with its directories and options. Where gcc optimizes less, two of its warnings are wrong more often.
SANITIZER_OPT := -O1 -g1 -Wno-maybe-uninitialized -Wno-format-truncation
# The tests in which threads meet.
THREAD_TESTS = $(shell grep -lE '^[/* ]*check: threads' $(UNIT_SOURCES) | sed 's|.*/test_\(.*\)\.c|\1|')

asan:
	+$(Q)$(MAKE) --no-print-directory BUILD=build-asan SAN=address,undefined OPT='$(SANITIZER_OPT)' check

tsan:
	+$(Q)$(MAKE) --no-print-directory BUILD=build-tsan SAN=thread OPT='$(SANITIZER_OPT)' T='$(or $(T),$(THREAD_TESTS))' check

debug:
	+$(Q)$(MAKE) --no-print-directory BUILD=build-debug OPT='-O0 -g3' FORTIFY= all

# Prints the targets that stand at the top of this file.
help:
	@sed -n 's/^#   make/  make/p' $(firstword $(MAKEFILE_LIST))

COMPILED := $(SOURCES) $(TEST_SOURCES)
compile_commands.json: FORCE
	$(call say,JSON,$@)
	$(Q){ for file in $(COMPILED); do printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' "$${comma-[}" \
		'$(CURDIR)' "$$file" "$(CC) $(CPPFLAGS_ALL) -DCULVERT_VERSION='\\\"$(VERSION)\\\"' $(CFLAGS_ALL) -c $$file"; comma=,; done; \
		printf '\n]\n'; } >$@

assumptions: $(ASSUMPTIONS)
	$(call run_each,$(ASSUMPTIONS))

# ---- lint ----

C_FILES := $(SOURCES) $(HEADERS) $(TEST_SOURCES) $(TEST_HEADERS)

lint: lint-format lint-shell lint-docs lint-comments lint-layers lint-circles lint-exports lint-cppcheck lint-tidy

lint-format:
	$(call say,FORMAT,all C files)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)

format:
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

# One stamp a source: only what changed (itself or a header, hence the object) is examined again. The tests are left
# to the compilers and cppcheck: libcheck's macros drown clang-tidy.
# How many states of a function clang-tidy's analyzer looks at. Its default takes six times as long:
# make lint-tidy TIDY_STATES=225000
TIDY_STATES ?= 20000
TIDY_STAMPS := $(SOURCES:%.c=$(BUILD)/tidy/%.ok)

lint-tidy: $(TIDY_STAMPS)

$(BUILD)/tidy/%.ok: $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$*.c)
	$(Q)$(CLANG_TIDY) --quiet $(patsubst %,--extra-arg=%,-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_STATES)) $*.c -- $(CPPFLAGS_ALL) -std=gnu17 >$@.log 2>&1 || { cat $@.log; exit 1; }
	$(Q)touch $@

# Reasons for what is suppressed: missingIncludeSystem, since only our headers are to be followed (but for <sys/queue.h>, whose
# macros define types); autoVariables, which takes the address that a local struct holds for the struct's own, and which
# clang-tidy judges rightly; normalCheckLevelMaxBranches, a remark on cppcheck's own limits. unusedFunction is not asked for, as
# layers serve tests and two programs.
QUEUE_H = $(shell echo '\#include <sys/queue.h>' | $(CC) -E - | sed -n 's/^\# 1 "\(.*sys\/queue.h\)".*/\1/p' | head -n 1)
lint-cppcheck:
	@mkdir -p $(BUILD)/cppcheck
	$(call say,CPPCHECK,all C sources)
	$(Q)$(CPPCHECK) --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=autoVariables --suppress=normalCheckLevelMaxBranches \
		--suppress='*:$(QUEUE_H)' --include=$(QUEUE_H) \
		--cppcheck-build-dir=$(BUILD)/cppcheck -j 2 -D_GNU_SOURCE -D__linux__ -DCULVERT_VERSION='""' \
		-I tunnel -I . $(SOURCES) $(TEST_SOURCES)

# Only what changed, or what it sources, is examined again.
lint-shell:
	$(call say,SHELLCHECK,all shell scripts)
	$(Q)SHELLCHECK='$(SHELLCHECK)' ./scripts/lint-shell $(BUILD)

lint-docs:
	$(call say,DOCS,all pages)
	$(Q)./scripts/lint-docs

lint-comments:
	$(call say,COMMENTS,all C files)
	$(Q)./scripts/lint-comments

lint-layers: all
	$(call say,LAYERS,$(BUILD))
	$(Q)./scripts/lint-layers $(BUILD)

lint-circles: all
	$(call say,CIRCLES,$(BUILD))
	$(Q)./scripts/lint-circles $(BUILD)

lint-exports: all
	$(call say,EXPORTS,$(BUILD))
	$(Q)./scripts/lint-exports $(BUILD)

# ---- install ----

# culvert-pki looks for its parts here when they are not beside it.
PKI_SHARE := $(PREFIX)/share/culvert/pki
DOC_SHARE := $(PREFIX)/share/doc/culvert
UNIT_DIR := $(PREFIX)/lib/systemd/system
# The programs look for it there, wherever they are.
CONFIG_DIR := /etc/culvert
# Units are templates: they name where the programs and the documentation are installed.
UNITS := $(sort $(wildcard packaging/systemd/*.in))
FILL_UNIT := sed -e 's|@SBINDIR@|$(PREFIX)/sbin|g' -e 's|@BINDIR@|$(PREFIX)/bin|g' -e 's|@DOCDIR@|$(DOC_SHARE)|g'

# $(call install_files,MODE,DIRECTORY,FILES): nothing for an empty list.
define install_files
$(if $(3),$(call say,INSTALL,$(DESTDIR)$(2))
	$(Q)install -d '$(DESTDIR)$(2)'
	$(Q)install -m $(1) $(3) '$(DESTDIR)$(2)')
endef

# A directory of configuration that is there keeps its mode.
install: all
	$(call install_files,0755,$(PREFIX)/sbin,$(filter %/culvertd,$(PROGRAMS)))
	$(call install_files,0755,$(PREFIX)/bin,$(filter %/culvert,$(PROGRAMS)) $(wildcard certs/culvert-pki))
	$(call install_files,0644,$(PKI_SHARE)/lib,$(sort $(wildcard certs/lib/*)))
	$(call install_files,0644,$(PKI_SHARE)/templates,$(sort $(wildcard certs/templates/*)))
	$(call install_files,0644,$(DOC_SHARE),README.md CHANGELOG.md $(wildcard CONTRIBUTING.md SECURITY.md))
	$(call install_files,0644,$(DOC_SHARE)/docs,$(sort $(wildcard docs/*.md)))
	$(call install_files,0644,$(DOC_SHARE)/docs/design,$(sort $(wildcard docs/design/*.md)))
	$(call install_files,0644,$(DOC_SHARE)/docs/images,$(sort $(wildcard docs/images/*.svg)))
	$(call install_files,0644,$(DOC_SHARE)/docs/examples,$(sort $(wildcard docs/examples/*.conf)))
	$(call install_files,0644,$(DOC_SHARE)/docs/examples/lab,$(sort $(wildcard docs/examples/lab/*.lab)))
	$(call say,INSTALL,$(DESTDIR)$(UNIT_DIR))
	$(Q)install -d '$(DESTDIR)$(UNIT_DIR)'
	$(Q)set -e; umask 022; for unit in $(UNITS); do \
		to='$(DESTDIR)$(UNIT_DIR)'/$$(basename "$$unit" .in); \
		rm -f "$$to"; $(FILL_UNIT) "$$unit" >"$$to"; done
	$(call say,INSTALL,$(DESTDIR)$(CONFIG_DIR))
	$(Q)test -d '$(DESTDIR)$(CONFIG_DIR)' || install -d -m 0755 '$(DESTDIR)$(CONFIG_DIR)'

uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)rm -f '$(DESTDIR)$(PREFIX)/sbin/culvertd' '$(DESTDIR)$(PREFIX)/bin/culvert' '$(DESTDIR)$(PREFIX)/bin/culvert-pki'
	$(Q)rm -f $(patsubst packaging/systemd/%.in,'$(DESTDIR)$(UNIT_DIR)/%',$(UNITS))
	$(Q)rm -rf '$(DESTDIR)$(PKI_SHARE)' '$(DESTDIR)$(DOC_SHARE)'
	$(Q)for made in '$(dir $(PKI_SHARE))' '$(dir $(DOC_SHARE))' '$(UNIT_DIR)' '$(dir $(UNIT_DIR))' '$(CONFIG_DIR)'; do \
		rmdir '$(DESTDIR)'"$$made" 2>/dev/null || true; done
	@echo 'Left as they are, where they are not empty: $(DESTDIR)$(CONFIG_DIR) (configuration and keys), $(DESTDIR)/var/lib/culvert (state, if a server ran here),'
	@echo 'and programs of it that run. systemctl disable --now ends units that are enabled still.'

clean:
	rm -rf $(BUILD)

FORCE:

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(SOURCES) $(TEST_SOURCES)) $(SYNTAX_STAMPS:.ok=.d)
