/* measure: a number that grows, for whoever asks again and again.
 *
 * imports  sys.millis   milliseconds of the device's clock
 * exports  seconds      the clock in whole seconds
 */
#include <stdint.h>

__attribute__((import_module("sys"), import_name("millis")))
extern int32_t clock_millis(void);

__attribute__((export_name("seconds"))) int32_t seconds(void) {
    return clock_millis() / 1000;
}
