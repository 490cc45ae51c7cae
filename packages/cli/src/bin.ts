#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import * as Bundle from "./Bundle.ts"

enableCompileCache()
const bundle = Bundle.fresh()
await (bundle === undefined ? import("./main.ts") : import(bundle))
