import contextlib
import sys

import uvicorn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.participant import Kind, Rejection
from orchestrator.participant.asgi import GuardMiddleware
from orchestrator.participant.engines import AsyncEngineRecords

KINDS = {
    ("POST", "/rooms"): Kind.COMMAND,
    ("DELETE", "/rooms/{trip_id}"): Kind.COMPENSATION,
    ("GET", "/rooms/{trip_id}"): Kind.QUERY,
}
engine = create_async_engine("sqlite+aiosqlite:///hotel.db")
records = AsyncEngineRecords(engine)


async def book_room(request):
    order = await request.json()
    if order["city"] == "Nowhere":
        raise Rejection("NO_HOTEL", "no hotel in Nowhere")
    booked = {"trip_id": order["tripId"], "room": f"Sea view, {order['city']}", "price": 80}
    await records.connection().execute(text("INSERT INTO rooms VALUES (:trip_id, :room, :price)"), booked)
    return JSONResponse(booked)


async def cancel_room(request):
    trip = request.path_params
    await records.connection().execute(text("DELETE FROM rooms WHERE trip_id = :trip_id"), trip)
    return JSONResponse({})


async def get_booking(request):
    query = text("SELECT room, price FROM rooms WHERE trip_id = :trip_id")
    found = (await records.connection().execute(query, request.path_params)).mappings().first()
    if found is None:
        raise Rejection("NO_BOOKING", "no room is booked for this trip", code="NOT_FOUND")
    return JSONResponse(dict(found))


async def health(request):
    return JSONResponse({})


@contextlib.asynccontextmanager
async def lifespan(app):
    await records.create_table()
    async with engine.begin() as connection:
        table = "rooms (trip_id TEXT PRIMARY KEY, room TEXT NOT NULL, price INTEGER NOT NULL)"
        await connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table}"))
    yield
    await engine.dispose()


routes = [
    Route("/rooms", book_room, methods=["POST"]),
    Route("/rooms/{trip_id}", cancel_room, methods=["DELETE"]),
    Route("/rooms/{trip_id}", get_booking),
    Route("/health", health),
]
app = GuardMiddleware(Starlette(routes=routes, lifespan=lifespan), records, KINDS)

if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    uvicorn.run(app, host=host, port=int(port))
