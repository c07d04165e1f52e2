from dataclasses import dataclass

from cards.v1.cards_pb2 import ChargeRequest, ChargeResponse
from charging.v1.charging_pb2_grpc import ChargingServiceStub

from orchestrator import SagaRejected, saga


@dataclass(frozen=True)
class Shop:
    charging: ChargingServiceStub


@saga("purchase", version=1)
async def purchase(order: ChargeRequest, shop: Shop) -> ChargeResponse:
    charged = await shop.charging.Charge(order)
    if order.cents > 1000:
        raise SagaRejected("TOO_EXPENSIVE", "it costs more than 10")
    return charged
