import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, Rejection
from orchestrator.participant.asgi import GuardMiddleware
from orchestrator.participant.engines import AsyncEngineRecords

KINDS = {
    ("POST", "/rooms"): Kind.COMMAND,
    ("POST", "/rooms/cancel"): Kind.COMPENSATION,
    ("GET", "/rooms/{trip_id}"): Kind.QUERY,
}
engine = create_async_engine("sqlite+aiosqlite:///hotel.db")
records = AsyncEngineRecords(engine)


async def book_room(order):
    if order["city"] == "Nowhere":
        raise Rejection("NO_HOTEL", "no hotel in Nowhere")
    await records.connection().execute(text("INSERT INTO bookings VALUES (:trip_id, :city)"), order)
    return {"room": f"Sea view, {order['city']}"}


async def cancel_room(order):
    await records.connection().execute(text("DELETE FROM bookings WHERE trip_id = :trip_id"), order)
    return {}


async def get_booking(order):
    found = await records.connection().execute(text("SELECT city FROM bookings WHERE trip_id = :trip_id"), order)
    city = found.scalar()
    if city is None:
        raise Rejection("NO_BOOKING", "no room is booked for this trip", code="NOT_FOUND")
    return {"city": city}


async def application(scope, receive, send):  # any framework may stand here
    if scope["method"] == "GET":
        reply = await get_booking({"trip_id": scope["path"].rpartition("/")[2]})
    else:
        handler = {"/rooms": book_room, "/rooms/cancel": cancel_room}[scope["path"]]
        reply = await handler(json.loads((await receive())["body"]))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(reply).encode()})


async def create_tables():
    await records.create_table()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS bookings (trip_id TEXT PRIMARY KEY, city TEXT)"))


app = GuardMiddleware(application, records, KINDS)
