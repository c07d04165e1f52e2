"""How the shop sells something.

Everything up to the capture of the payment can be compensated; from the capture on, the order only goes
forward. What compensates what is declared in the services' contracts, under ``protos/shop``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator import best_effort, saga, saga_id
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, AssessOrderRequest
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceStub
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub
from shop.product.v1.product_pb2 import CreateOrderRequest
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceStub
