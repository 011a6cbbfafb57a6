"""`dht`: temperature (°C) and relative humidity (%) of a DHT sensor, by one of its drivers."""

from supervisor_app.host_functions.communication import RemoteCall
from supervisor_app.host_functions.dht_drivers import DhtDriver, open_dht
from supervisor_app.host_functions.guest import Guest, HostFunction
from supervisor_app.settings import Settings

MODULE = "dht"


def linked(settings: Settings, _call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the functions of this device; none where it has no such sensor."""
    return functions(open_dht(settings.dht)) if settings.dht else ()


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
