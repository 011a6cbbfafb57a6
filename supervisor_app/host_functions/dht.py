"""`dht`: temperature (°C) and relative humidity (%) of a DHT sensor, by one of its drivers."""

from supervisor_app.host_functions.dht_drivers import DhtDriver
from supervisor_app.host_functions.guest import Guest, HostFunction

MODULE = "dht"


def functions(driver: DhtDriver) -> tuple[HostFunction, ...]:
    """Return the functions of the interface over a driver."""

    def get_temperature(_guest: Guest) -> float:
        return driver.read("temperature")

    def get_humidity(_guest: Guest) -> float:
        return driver.read("humidity")

    return (
        HostFunction(MODULE, "getTemperature", (), ("f32",), get_temperature),
        HostFunction(MODULE, "getHumidity", (), ("f32",), get_humidity),
    )
