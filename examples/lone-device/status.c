/* status: a text about the device, for a supervisor that serves it without any orchestrator.
 *
 * imports  sys.millis           milliseconds of the device's clock
 * exports  some_function_name   returns the address of a text that a NUL ends
 */
#include <stdint.h>
#include <stdio.h>

__attribute__((import_module("sys"), import_name("millis")))
extern int32_t clock_millis(void);

static char text[64];

__attribute__((export_name("some_function_name"))) const char *status(void) {
    snprintf(text, sizeof text, "clock at %d s", (int)(clock_millis() / 1000));
    return text;
}
