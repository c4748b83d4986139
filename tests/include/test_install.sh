#!/bin/bash
# Installs to a scratch prefix and builds samples/ against that alone: by CMake package as C, by
# pkg-config as C and as C++, shared and static; then runs what was installed.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

cmake --install "$QTA_BINARY_DIR" --prefix "$prefix" >/dev/null
for file in include/qta/qta.h bin/qta-record bin/qta-replay bin/qta-session share/man/man1/qta-record.1 \
            share/qta/config/streaming.yaml; do
    [ -e "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done

# what a stranger has: the samples and the prefix, not this tree
cp -r "$QTA_SOURCE_DIR/samples" "$scratch/samples"
cmake -S "$scratch/samples" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/build" -j2

pc=$(dirname "$(find "$prefix" -name qta.pc)")
export PKG_CONFIG_PATH=$pc
lib=$(pkg-config --variable=libdir qta)
cat >"$scratch/hello.c" <<'C'
#include <qta/qta.h>
#include <stdio.h>
int main(void)
{
    struct qta_decimal price;
    if (qta_decimal_parse("190.50", 6, &price, NULL) != QTA_OK)
        return 1;
    char text[QTA_DECIMAL_TEXT_BYTES];
    qta_decimal_print(price, text);
    printf("%s %s\n", qta_version(), text);
    return 0;
}
C
cp "$scratch/hello.c" "$scratch/hello.cpp"
# shellcheck disable=SC2046  # flags are meant to be split
cc "$scratch/hello.c" -o "$scratch/hello_c" $(pkg-config --cflags --libs qta) -Wl,-rpath,"$lib"
c++ "$scratch/hello.cpp" -o "$scratch/hello_cpp" $(pkg-config --cflags --libs qta) -Wl,-rpath,"$lib"
cc "$scratch/hello.c" -o "$scratch/hello_static" $(pkg-config --cflags qta) "$lib/libqta.a" \
    $(pkg-config --static --libs-only-l qta | sed 's/-lqta//')
version=$(pkg-config --modversion qta)
for program in hello_c hello_cpp hello_static; do
    [ "$("$scratch/$program")" = "$version 190.50" ] || { echo "$program: wrong output"; exit 1; }
done

# programs find their library from where they were installed, and hidden symbols stay hidden
for program in record replay session; do
    [ "$("$prefix/bin/qta-$program" --version)" = "qta-$program $version" ] ||
        { echo "qta-$program --version: wrong output"; exit 1; }
done
if nm -D --defined-only "$lib/libqta.so" | awk '{print $3}' | grep -v '^qta_' | grep -v '^_'; then
    echo "libqta.so exports names that are not ours"
    exit 1
fi
