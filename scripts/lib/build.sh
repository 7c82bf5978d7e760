# The Release build that scripts/up, scripts/test and scripts/bench share.
#
#   build_release ROOT [TARGET…]   configures ROOT/build when needed and builds the targets
#                                  (default: sekimori); prints little unless it fails
#
#   build_panel ROOT               its first part: the panel, when its sources changed
#
# Sourced; defines functions only. One build at a time per tree (flock), so that two labs started
# together do not trip over each other.

# The panel (panel/) into panel/dist, which the program embeds. Skipped while its sources and the
# API's description are those of the last build.
build_panel() {
  local root=$1 stamp log sources packages
  stamp=$root/build/panel.stamp
  log=$root/build/panel.log
  [ -f "$root/panel/package.json" ] || return 0
  sources=$(cd "$root" &&
    find panel/src panel/scripts panel/*.html panel/*.json panel/*.ts panel/*.js web/openapi.json \
      -type f ! -name api-types.ts -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ ! -f "$root/panel/dist/index.html" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$sources" ] ||
    return 0
  echo "building the panel"
  packages=$(sha256sum <"$root/panel/package-lock.json")
  (
    cd "$root/panel" || exit 1
    if [ "$(cat node_modules/.lock 2>/dev/null)" != "$packages" ]; then
      npm ci || exit 1
      echo "$packages" >node_modules/.lock
    fi
    npm run -s build
  ) </dev/null >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    echo "the panel's build failed; its whole output: $log" >&2
    return 1
  }
  echo "$sources" >"$stamp"
}

build_release() {
  local root=$1
  shift
  local targets=("$@")
  [ ${#targets[@]} -gt 0 ] || targets=(sekimori)
  mkdir -p "$root/build" || return
  (
    flock 9
    log=$root/build/last-build.log
    build_panel "$root" || exit 1
    if [ ! -f "$root/build/build.ninja" ]; then
      echo "configuring (Release)"
      cmake -S "$root" -B "$root/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        exit 1
      }
    fi
    # A dry run tells whether there is anything to say before a silent minute of compiling.
    if ! ninja -C "$root/build" -n "${targets[@]}" 2>/dev/null | grep -q 'no work to do'; then
      echo "building ${targets[*]}"
    fi
    ninja -C "$root/build" "${targets[@]}" >"$log" 2>&1 || {
      grep -E 'error|FAILED|ninja:' "$log" | head -n 40 >&2
      echo "the build failed; its whole output: $log" >&2
      exit 1
    }
  ) 9>"$root/build/.lock"
}
