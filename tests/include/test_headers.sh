#!/bin/bash
# Every public header compiles alone, as C17 and as C++17, without a warning.
set -u
cd "$QTA_SOURCE_DIR" || exit 1
failed=0
for header in include/qta/*.h; do
    name=${header#include/}
    printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" |
        ${CC:-cc} -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c - ||
        { echo "as C: $header"; failed=1; }
    printf '#include <%s>\nint main() { return 0; }\n' "$name" |
        ${CXX:-c++} -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ - ||
        { echo "as C++: $header"; failed=1; }
done
exit $failed
