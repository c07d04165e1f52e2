const express = require("express");

const [host, port] = process.argv[2].split(":");
const tickets = [];
const app = express().use(express.json());

app.post("/tickets", (request, response) => {
  const { tripId, city } = request.body;
  if (city === "Atlantis") return response.status(404).json({ error: "no airport in Atlantis" });
  const ticket = { ticket: `T${tickets.length + 1}`, tripId, city, price: 120 };
  tickets.push(ticket);
  console.log(`bought ${ticket.ticket}, ${city}`);
  response.status(201).json(ticket);
});

app.delete("/tickets/:ticket", (request, response) => {
  const bought = tickets.find(({ ticket }) => ticket === request.params.ticket);
  // What was refunded is not refunded again, so it may be repeated.
  if (bought && !bought.refunded) console.log(`refunded ${bought.ticket}, ${bought.city}`);
  if (bought) bought.refunded = true;
  response.sendStatus(204);
});

app.get("/trips/:trip/ticket", (request, response) => {
  const bought = tickets.find(({ tripId, refunded }) => tripId === request.params.trip && !refunded);
  if (!bought) return response.status(404).json({ error: "no ticket is bought for this trip" });
  response.json(bought);
});

const server = app.listen(port, host, (error) => {
  if (error) throw error;
  console.log(`listening on ${host}:${server.address().port}`);
});
