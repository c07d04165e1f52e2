// Which cards are charged, and the words in which the others are refused.

const kinds = { visa: /^4/, mastercard: /^(5[1-5]|2[2-7])/, amex: /^3[47]/ };

function isLuhn(digits) {
  const sum = [...digits].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

// What is wrong with a card; nothing for one that can be charged.
function fault({ number, expiration_year: year, expiration_month: month }, today = new Date()) {
  const digits = number.replace(/[- ]/g, "");
  if (!/^\d{13,19}$/.test(digits) || !isLuhn(digits)) return "Credit card info is invalid";
  const kind = Object.keys(kinds).find((kind) => kinds[kind].test(digits)) ?? "unknown";
  if (kind !== "visa" && kind !== "mastercard") {
    return `Sorry, we cannot process ${kind} credit cards. Only VISA or MasterCard is accepted.`;
  }
  if (year * 12 + month < today.getFullYear() * 12 + today.getMonth() + 1) {
    return `Your credit card (ending ${digits.slice(-4)}) expired on ${month}/${year}`;
  }
  return undefined;
}

module.exports = { fault };
