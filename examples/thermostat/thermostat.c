/* thermostat: how much to heat?
 *
 * imports  nothing
 * exports  power(temperature, target)   percent, from 0 to 100: all of it when 5 degrees are missing
 */
__attribute__((export_name("power"))) float power(float temperature, float target) {
    float missing = (target - temperature) * 20.0f;
    return missing < 0.0f ? 0.0f : missing > 100.0f ? 100.0f : missing;
}
