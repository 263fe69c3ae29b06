# The front door. CMake builds (CMakePresets.json), scripts/ does the rest; each script says at its top how it is used.
# Nothing needs to be installed first: scripts/setup brings what is missing, and is silent when nothing is.

.PHONY: build web run test bench asan tsan fuzz soak coverage format lint map docs clean help
.DEFAULT_GOAL := build

STAGES  ?=
SECONDS ?= 60
MINUTES ?= 60

help:            ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

build: web       ## build/collabd, build/conformance and the web files
	@scripts/setup build
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target programs

# The pages of web/static are served as they are. What has to be built of web/ is built here.
web:             ## what the pages load of other projects
	@scripts/setup build
	@scripts/web

run: build       ## build, then serve http://localhost:8000 with the demonstration data, until Ctrl-C
	@exec build/collabd serve --demo

test: web        ## every test once (some of them: STAGES="unit wire"); ends with "N passed, N failed"
	@scripts/setup build test
	@scripts/test $(STAGES)

asan: web        ## unit, simulation, fuzz and wire tests under the address and undefined behaviour sanitizers
	@scripts/setup build test
	@scripts/test --preset asan $(or $(STAGES),unit simulation fuzz wire)

tsan: web        ## unit and simulation tests under the thread sanitizer
	@scripts/setup build test
	@scripts/test --preset tsan $(or $(STAGES),unit simulation)

fuzz:            ## every fuzz target for SECONDS (60)
	@scripts/setup build test
	@scripts/fuzz $(SECONDS)

soak: web        ## simulation, wire and fault tests again and again for MINUTES (60), under asan
	@scripts/setup build test
	@scripts/test --preset asan --minutes $(MINUTES) $(or $(STAGES),simulation wire fault)

coverage: web    ## which lines the tests reach, per file
	@scripts/setup build test
	@scripts/coverage $(STAGES)

bench: build     ## collabd beside a bare broadcaster, ws and socket.io, as tables and as build/bench.json
	@scripts/setup build test
	@cmake --build --preset release --target benchmarks
	@scripts/bench

format:          ## lay the C sources out anew, in place
	@scripts/setup lint
	@find src tests bench -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null | xargs -r clang-format -i

lint:            ## layout, banned functions, the map, clang-tidy
	@scripts/setup build lint
	@scripts/lint

map:             ## which folder includes which; fails on an arrow that points up
	@scripts/map

docs: build      ## write the generated pages of docs/ anew
	@for page in config limits errors; do build/collabd docs $$page > docs/$$page.md; done

clean:           ## remove build/
	@rm -rf build
