/* make_golden FOLDER [ROUNDS TICKS]: writes the golden session, or one of another size, and prints
 * its digests. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/storage/golden_session.h"

int main(int argc, char **argv)
{
    struct qta_digest digest;
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "Usage: make_golden FOLDER [ROUNDS TICKS]\n");
        return 2;
    }
    size_t rounds = argc == 4 ? strtoul(argv[2], NULL, 10) : GOLDEN_ROUNDS;
    size_t ticks = argc == 4 ? strtoul(argv[3], NULL, 10) : GOLDEN_PLAIN_TICKS;
    golden_session_make(argv[1], rounds, ticks, &digest);
    printf("full %016" PRIx64 "\nmarket %016" PRIx64 "\n", digest.full, digest.market);
    return 0;
}
