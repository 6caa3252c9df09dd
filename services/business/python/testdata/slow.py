"""A service whose requests take as long as they say."""
import time

import hotpair

service = hotpair.Service("slow")


@service.operation
def wait(tx: hotpair.Tx, q: dict) -> dict:
    time.sleep(q["seconds"])
    tx.put("waited", q["seconds"])
    return {"waited": q["seconds"]}


service.run()
