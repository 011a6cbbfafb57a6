/* judge: does a digit have as much ink as such a digit should?
 *
 * imports  nothing
 * exports  surprise(digit, ink, expected)   how far the ink is from what is expected, a 1 needing less
 */
__attribute__((export_name("surprise"))) float surprise(int digit, float ink, float expected) {
    float wanted = digit == 1 ? expected * 0.8f : expected;
    return ink > wanted ? ink - wanted : wanted - ink;
}
