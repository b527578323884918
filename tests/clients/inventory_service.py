"""An inventory of others' code, in SOAP 1.1 and 1.2: `python -m tests.clients.inventory_service PORT`."""

import sys
from wsgiref.simple_server import make_server

from spyne import Application, Fault, Integer, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11, Soap12
from spyne.util.wsgi_wrapper import WsgiMounter

STOCK = {"SKU-1": 100, "SKU-2": 5}


class Inventory(ServiceBase):
    @rpc(Unicode, _returns=Integer)
    def GetStock(ctx, sku):  # noqa: N802, N805 - the operation's name, and how the library calls it
        if sku not in STOCK:
            raise Fault("Client.UnknownSku", "there is no such article")
        return STOCK[sku]

    @rpc(Integer, _returns=Integer)
    def Fail(ctx, number):  # noqa: N802, N805 - as above
        raise Fault("Server.Database", "the database is away")


def main() -> None:
    versions = {"soap11": Soap11, "soap12": Soap12}
    services = {
        name: Application([Inventory], "urn:others:inventory", in_protocol=protocol(), out_protocol=protocol())
        for name, protocol in versions.items()
    }
    make_server("127.0.0.1", int(sys.argv[1]), WsgiMounter(services)).serve_forever()


if __name__ == "__main__":
    main()
