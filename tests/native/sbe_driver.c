/* Hex messages from standard input, each decoded in a buffer of exactly its size; prints `end` or the negative code.
 * What decodes is encoded again from its words. Built with the sanitizers: any read outside a buffer ends the run. */
#include <stdio.h>
#include <stdlib.h>
#include SBE_HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(x) JOIN(SBE_PREFIX, x)

static int64_t run(const uint8_t *octets, size_t size, int again)
{
    int64_t checked = NAME(_dispatch)(octets, (int64_t)size, 0, NULL, 0);
    int64_t none[8];
    int64_t end = NAME(_decode)(octets, (int64_t)size, 0, none, 8);
    if (end != checked)
        abort();
    if (end < 0)
        return end;
    int64_t *words = malloc((size_t)none[0] * sizeof *words);
    if (words == NULL)
        abort();
    if (NAME(_decode)(octets, (int64_t)size, 0, words, none[0]) != end || words[0] != none[0])
        abort();
    if (again) {
        size_t room = size * 4 + 4096;
        uint8_t *out = malloc(room);
        if (out == NULL)
            abort();
        NAME(_encode)(words, words[0], octets, (int64_t)size, out, (int64_t)room);
        for (int64_t cut = 0; cut < words[0] && cut < 64; cut++)
            NAME(_encode)(words, cut, octets, (int64_t)size, out, (int64_t)(room - 1));
        free(out);
    }
    free(words);
    return end;
}

#ifdef SBE_FUZZ
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size, 1);
    return 0;
}
#else
int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while ((got = getline(&line, &room, stdin)) > 0) {
        size_t size = (size_t)(got - 1) / 2;
        uint8_t *octets = malloc(size ? size : 1);
        uint8_t *exact = octets ? realloc(octets, size ? size : 1) : NULL;
        if (exact == NULL)
            abort();
        for (size_t i = 0; i < size; i++) {
            unsigned value;
            if (sscanf(line + 2 * i, "%2x", &value) != 1)
                abort();
            exact[i] = (uint8_t)value;
        }
        printf("%lld\n", (long long)run(size ? exact : exact + 1, size, 1));
        free(exact);
    }
    free(line);
    return 0;
}
#endif
