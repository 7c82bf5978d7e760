# The Release build that scripts/up, scripts/test and scripts/bench share.
#
#   build_release ROOT [TARGET…]   configures ROOT/build when needed and builds the targets
#                                  (default: sekimori); prints little unless it fails
#
# Sourced; defines functions only. One build at a time per tree (flock), so that two labs started
# together do not trip over each other.

build_release() {
  local root=$1
  shift
  local targets=("$@")
  [ ${#targets[@]} -gt 0 ] || targets=(sekimori)
  mkdir -p "$root/build" || return
  (
    flock 9
    log=$root/build/last-build.log
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
