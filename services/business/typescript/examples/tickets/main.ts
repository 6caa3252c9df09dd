import { service } from "./tickets.js";

await service.run();
