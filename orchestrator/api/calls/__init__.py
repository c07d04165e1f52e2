"""What every call meets, whatever it asks: who calls, whether they may, whether it is well formed, and its refusal."""
