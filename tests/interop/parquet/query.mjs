// Reads SQL statements as a JSON array from stdin; writes for each its rows, in DuckDB's own JSON.
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
const answers = [];
for (const sql of JSON.parse(readFileSync(0, 'utf8')))
    answers.push((await connection.runAndReadAll(sql)).getRowObjectsJson());
process.stdout.write(JSON.stringify(answers));
