// Other stores in the same run, each driven as its documentation recommends.

import CLMDB
import CSQLite
import SoftPMBenchmarking

/// Rows of the peers: so many bytes each.
private let rowBytes = 1000

/// So many rows changed as make up `bytes`; one for what fits a container's chunk.
private func rowCount(_ bytes: Int) -> Int { bytes <= 16 << 10 ? 1 : max(1, bytes / rowBytes) }

extension StorePeer {
  /// WAL, synchronous=FULL, prepared statements, one transaction per commit.
  static var sqlite: StorePeer {
    StorePeer("SQLite, WAL, FULL") { path, total in
      let database = try SQLiteDatabase(path, rows: total / rowBytes)
      return { bytes, round in try database.commit(rowCount(bytes), round) }
    }
  }

  /// The default commit: every one flushes data and meta page. Integer keys, fixed-size values.
  static var lmdb: StorePeer {
    StorePeer("LMDB") { path, total in
      let database = try LMDBDatabase(path, rows: total / rowBytes)
      return { bytes, round in try database.commit(rowCount(bytes), round) }
    }
  }
}

private final class SQLiteDatabase {
  private var handle: OpaquePointer?
  private var update: OpaquePointer?
  private var begin: OpaquePointer?
  private var end: OpaquePointer?
  private let rows: Int
  private var turn = 0
  private var row = [UInt8](repeating: 7, count: rowBytes)

  init(_ path: String, rows: Int) throws {
    self.rows = max(1, rows)
    try check(sqlite3_open(path, &handle))
    for statement in [
      "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
      "CREATE TABLE items (key INTEGER PRIMARY KEY, value BLOB)", "BEGIN",
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(self.rows - 1)) "
        + "INSERT INTO items SELECT i, zeroblob(\(rowBytes)) FROM n",
      "COMMIT", "PRAGMA wal_checkpoint(TRUNCATE)",
    ] {
      try check(sqlite3_exec(handle, statement, nil, nil, nil))
    }
    try check(
      sqlite3_prepare_v2(handle, "UPDATE items SET value = ?2 WHERE key = ?1", -1, &update, nil))
    try check(sqlite3_prepare_v2(handle, "BEGIN IMMEDIATE", -1, &begin, nil))
    try check(sqlite3_prepare_v2(handle, "COMMIT", -1, &end, nil))
  }

  func commit(_ count: Int, _ round: Int) throws -> UInt64 {
    if count > 1 { try step(begin) }
    for _ in 0..<count {
      turn += 1
      row[0] = UInt8(truncatingIfNeeded: turn)
      sqlite3_bind_int64(update, 1, Int64(turn &* 7919 % rows))
      try row.withUnsafeBytes { bytes in
        // No destructor: the bytes stay until the step is done.
        try check(sqlite3_bind_blob(update, 2, bytes.baseAddress, Int32(bytes.count), nil))
        try step(update)
      }
    }
    if count > 1 { try step(end) }
    return UInt64(count)
  }

  private func step(_ statement: OpaquePointer?) throws {
    let result = sqlite3_step(statement)
    sqlite3_reset(statement)
    guard result == SQLITE_DONE else { return try check(result) }
  }

  private func check(_ result: Int32) throws {
    guard result == SQLITE_OK else {
      throw BenchmarkFailure("SQLite: \(String(cString: sqlite3_errmsg(handle)))")
    }
  }

  deinit {
    for statement in [update, begin, end] { sqlite3_finalize(statement) }
    sqlite3_close(handle)
  }
}

private final class LMDBDatabase {
  private var environment: OpaquePointer?
  private var table = MDB_dbi()
  private let rows: Int
  private var turn = 0
  private var row = [UInt8](repeating: 7, count: rowBytes)

  init(_ path: String, rows: Int) throws {
    self.rows = max(1, rows)
    try check(mdb_env_create(&environment))
    try check(mdb_env_set_mapsize(environment, 1 << 30))
    try check(mdb_env_open(environment, path, UInt32(MDB_NOSUBDIR), 0o600))
    try transaction { transaction in
      try check(mdb_dbi_open(transaction, nil, UInt32(MDB_INTEGERKEY), &table))
      for key in 0..<self.rows { try put(key, transaction) }
    }
  }

  func commit(_ count: Int, _ round: Int) throws -> UInt64 {
    try transaction { transaction in
      for _ in 0..<count {
        turn += 1
        row[0] = UInt8(truncatingIfNeeded: turn)
        try put(turn &* 7919 % rows, transaction)
      }
    }
    return UInt64(count)
  }

  private func transaction(_ body: (OpaquePointer?) throws -> Void) throws {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &transaction))
    try body(transaction)
    try check(mdb_txn_commit(transaction))
  }

  private func put(_ key: Int, _ transaction: OpaquePointer?) throws {
    var number = key
    try withUnsafeMutableBytes(of: &number) { keyBytes in
      try row.withUnsafeMutableBytes { rowBytes in
        var key = MDB_val(mv_size: keyBytes.count, mv_data: keyBytes.baseAddress)
        var value = MDB_val(mv_size: rowBytes.count, mv_data: rowBytes.baseAddress)
        try check(mdb_put(transaction, table, &key, &value, 0))
      }
    }
  }

  private func check(_ result: Int32) throws {
    guard result == 0 else {
      throw BenchmarkFailure("LMDB: \(String(cString: mdb_strerror(result)))")
    }
  }

  deinit { mdb_env_close(environment) }
}
