"""A service whose requests take as long as they say."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import hotpair

service = hotpair.Service("slow")


@service.operation
def wait(tx: hotpair.Tx, q: dict) -> dict:
    time.sleep(q["seconds"])
    tx.put("waited", q["seconds"])
    return {"waited": q["seconds"]}


service.run()
