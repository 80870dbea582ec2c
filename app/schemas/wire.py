"""What all shapes on the wire share."""

from decimal import Decimal
from typing import Annotated

from pydantic import WithJsonSchema

# In and out a JSON number with its exact digits (see app.exact_json); pydantic alone would document a string.
Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
