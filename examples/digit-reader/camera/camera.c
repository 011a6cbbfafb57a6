/* camera: take one image through the host interface and leave it as a file.
 *
 * imports  camera.takeImageDynamicSize   the host calls alloc() for the bytes, then fills in address and size
 * exports  takeImage                     writes /image.pgm (output mount)
 *          alloc                         memory for the host to write into
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define IMAGE_PATH "/image.pgm"
#define EXPORT(name) __attribute__((export_name(name)))

__attribute__((import_module("camera"), import_name("takeImageDynamicSize")))
extern void take_image_dynamic_size(uint8_t **out_ptr, uint32_t *out_size);

/* Says why on standard error and traps: the caller gets a failed invocation, never half an image. */
static _Noreturn void fail(const char *reason) {
    fprintf(stderr, "camera: %s\n", reason);
    abort();
}

EXPORT("alloc") void *alloc(int32_t byte_count) {
    return byte_count > 0 ? malloc((size_t)byte_count) : NULL;
}

static void write_file(const char *path, const uint8_t *bytes, size_t byte_count) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail("cannot create " IMAGE_PATH);
    size_t written = fwrite(bytes, 1, byte_count, file);
    if (fclose(file) != 0 || written != byte_count) fail("cannot write all of " IMAGE_PATH);
}

EXPORT("takeImage") void take_image(void) {
    uint8_t *bytes = NULL;
    uint32_t byte_count = 0;
    take_image_dynamic_size(&bytes, &byte_count);
    if (bytes == NULL || byte_count == 0) fail("the host gave no image");
    write_file(IMAGE_PATH, bytes, byte_count);
    free(bytes);
}
