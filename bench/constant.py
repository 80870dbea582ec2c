"""The bound of every read: FastAPI answering what needs no thought."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def constant() -> dict[str, bool]:
    return {"constant": True}
