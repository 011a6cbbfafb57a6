/* digits: which handwritten digit is on the image?
 *
 * imports  WASI preview 1 only
 * exports  classify   reads /image.pgm (execution mount) and /weights.bin (deployment mount), returns 0..9
 *
 * image.pgm    binary PGM ("P5"), 8 x 8 pixels, one byte each, maxval 1..255; bright is ink
 * weights.bin  "WDN1", then uint32 input, hidden, output = 64, 32, 10, then float32
 *              hidden_weights[64][32] hidden_bias[32] output_weights[32][10] output_bias[10]; little-endian
 *
 * A file that is anything else ends in a trap with its reason on standard error, never in a guess.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_PATH "/image.pgm"
#define WEIGHTS_PATH "/weights.bin"
#define SIDE 8
#define INPUT (SIDE * SIDE)
#define HIDDEN 32
#define OUTPUT 10
#define IMAGE_MAX_BYTES 1024
#define EXPORT(name) __attribute__((export_name(name)))

typedef struct {
    char magic[4];
    uint32_t input, hidden, output;
    float hidden_weights[INPUT][HIDDEN];
    float hidden_bias[HIDDEN];
    float output_weights[HIDDEN][OUTPUT];
    float output_bias[OUTPUT];
} Network;

static Network network;

static _Noreturn void fail(const char *path, const char *reason) {
    fprintf(stderr, "digits: %s %s\n", path, reason);
    abort();
}

/* Reads a whole file of at most `capacity` bytes; a longer one is an error, not a cut. */
static size_t read_file(const char *path, void *into, size_t capacity) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path, "cannot be opened");
    size_t byte_count = fread(into, 1, capacity, file);
    int is_longer = byte_count == capacity && fgetc(file) != EOF;
    int is_broken = ferror(file);
    fclose(file);
    if (is_broken) fail(path, "cannot be read");
    if (is_longer) fail(path, "is too long");
    return byte_count;
}

static void check_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) fail(WEIGHTS_PATH, "holds a weight that is no number");
}

static void load_network(void) {
    size_t byte_count = read_file(WEIGHTS_PATH, &network, sizeof network);
    if (byte_count < 4 || memcmp(network.magic, "WDN1", 4) != 0) fail(WEIGHTS_PATH, "does not begin with WDN1");
    if (byte_count != sizeof network) fail(WEIGHTS_PATH, "is too short");
    if (network.input != INPUT || network.hidden != HIDDEN || network.output != OUTPUT)
        fail(WEIGHTS_PATH, "is not a 64-32-10 network");
    check_finite(&network.hidden_weights[0][0], (sizeof network - offsetof(Network, hidden_weights)) / sizeof(float));
}

static int is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* One number of the PGM header, after white space and comments; moves `*at` behind it. */
static uint32_t header_number(const uint8_t *bytes, size_t byte_count, size_t *at) {
    while (*at < byte_count && (is_space(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#')
            while (*at < byte_count && bytes[*at] != '\n' && bytes[*at] != '\r') (*at)++;
        else
            (*at)++;
    }
    uint32_t number = 0;
    size_t begin = *at;
    while (*at < byte_count && bytes[*at] >= '0' && bytes[*at] <= '9' && *at - begin < 6)
        number = number * 10 + (bytes[(*at)++] - '0');
    if (*at == begin) fail(IMAGE_PATH, "has a header that lacks a number");
    return number;
}

static void load_image(float pixels[INPUT]) {
    uint8_t bytes[IMAGE_MAX_BYTES];
    size_t byte_count = read_file(IMAGE_PATH, bytes, sizeof bytes);
    if (byte_count < 3 || bytes[0] != 'P' || bytes[1] != '5' || !is_space(bytes[2]))
        fail(IMAGE_PATH, "is no binary PGM (P5)");
    size_t at = 2;
    uint32_t width = header_number(bytes, byte_count, &at);
    uint32_t height = header_number(bytes, byte_count, &at);
    uint32_t maxval = header_number(bytes, byte_count, &at);
    if (width != SIDE || height != SIDE) fail(IMAGE_PATH, "is not 8 x 8 pixels");
    if (maxval < 1 || maxval > 255) fail(IMAGE_PATH, "has a maxval outside 1..255");
    if (at >= byte_count || !is_space(bytes[at++]) || byte_count - at != INPUT)
        fail(IMAGE_PATH, "does not hold exactly 64 pixels");
    for (size_t i = 0; i < INPUT; i++) {
        if (bytes[at + i] > maxval) fail(IMAGE_PATH, "has a pixel above its maxval");
        pixels[i] = (float)bytes[at + i] / (float)maxval;
    }
}

static int32_t strongest_output(const float pixels[INPUT]) {
    float hidden[HIDDEN];
    for (size_t h = 0; h < HIDDEN; h++) {
        float sum = network.hidden_bias[h];
        for (size_t i = 0; i < INPUT; i++) sum += pixels[i] * network.hidden_weights[i][h];
        hidden[h] = sum > 0 ? sum : 0;
    }
    int32_t best = 0;
    float best_sum = -INFINITY;
    for (size_t o = 0; o < OUTPUT; o++) {
        float sum = network.output_bias[o];
        for (size_t h = 0; h < HIDDEN; h++) sum += hidden[h] * network.output_weights[h][o];
        if (sum > best_sum) {
            best = (int32_t)o;
            best_sum = sum;
        }
    }
    return best;
}

EXPORT("classify") int32_t classify(void) {
    float pixels[INPUT];
    load_network();
    load_image(pixels);
    return strongest_output(pixels);
}
