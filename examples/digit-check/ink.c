/* ink: how much of an image is ink?
 *
 * imports  WASI preview 1 only
 * exports  share   reads /image.pgm (execution mount), returns the mean brightness from 0 to 1
 *
 * image.pgm  binary PGM ("P5"), one byte a pixel, maxval 1..255; bright is ink
 */
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void fail(const char *reason) {
    fprintf(stderr, "ink: /image.pgm %s\n", reason);
    abort();
}

__attribute__((export_name("share"))) float share(void) {
    int width, height, most;
    FILE *file = fopen("/image.pgm", "rb");
    if (file == NULL) fail("cannot be opened");
    if (fscanf(file, "P5 %d %d %d", &width, &height, &most) != 3) fail("is no binary PGM");
    if (width < 1 || height < 1 || width > 4096 || height > 4096) fail("has no usable size");
    if (most < 1 || most > 255) fail("has no usable brightness");
    fgetc(file);
    double sum = 0;
    for (int i = 0; i < width * height; i++) {
        int pixel = fgetc(file);
        if (pixel == EOF) fail("is too short");
        sum += pixel;
    }
    fclose(file);
    return (float)(sum / most / width / height);
}
