// The declarations that programs outside of this package are written against. None of them may go.

extension DeclarationTests {
  static let contract = Set(
    """
    ContainerID ContainerID.description
    pCAlloc(_:_:in:attributes:) pCRestore(_:_:version:in:) pPoint(_:) pPointSync(_:) pCFree(_:)
    pCDelete(_:) pExclude(_:_:) pCSetAttr(_:_:) pCGetAttr(_:) pCSwitch(_:to:_:) pCClone(_:as:at:)
    withoutScope(_:)

    Store Store.default Store.open(_:_:) Store.inMemory() Store.container(_:initial:attributes:)
    Store.containers Store.delete(_:) Store.verify(_:) Store.compact(_:) Store.backup(to:)
    Store.close()

    StoreOptions StoreOptions.init() StoreOptions.Driver StoreOptions.Driver.automatic
    StoreOptions.Driver.uring StoreOptions.Driver.pmem StoreOptions.Driver.posix
    StoreOptions.Trust StoreOptions.Trust.sameUser StoreOptions.Trust.untrusted
    StoreOptions.driver StoreOptions.createIfMissing StoreOptions.readOnly StoreOptions.trust
    StoreOptions.lockTimeout

    Container Container.name Container.id Container.root Container.read(_:) Container.update(_:)
    Container.persist(label:) Container.persistAndWait(label:) Container.versions
    Container.version Container.snapshot(_:) Container.branch(_:from:) Container.switchTo(_:)
    Container.diff(_:_:) Container.setLabel(_:on:) Container.deleteVersion(_:)
    Container.exclude(_:) Container.attributes Container.statistics Container.close()

    Snapshot Snapshot.read(_:) Snapshot.root Snapshot.close()

    PersistencePoint PersistencePoint.version PersistencePoint.isDurable PersistencePoint.wait()
    PersistencePoint.durable() PersistencePoint.statistics

    PointStatistics PointStatistics.stall PointStatistics.dirtyChunks
    PointStatistics.writtenChunks PointStatistics.writtenBytes PointStatistics.objectsScanned
    PointStatistics.objectsNew PointStatistics.foreignBytes PointStatistics.flushes

    VersionID VersionID.<(_:_:) VersionID.description VersionID.init(integerLiteral:)
    VersionInfo VersionInfo.id VersionInfo.parent VersionInfo.container VersionInfo.label
    VersionInfo.secondsSince1970 VersionInfo.bytesWritten VersionInfo.objectCount
    ContainerChange ContainerChange.path ContainerChange.before ContainerChange.after
    ContainerSummary ContainerSummary.name ContainerSummary.versionCount ContainerSummary.newest
    ContainerStatistics ContainerStatistics.lastError StoreProgress VerifyReport CompactReport

    ContainerAttributes ContainerAttributes.init() ContainerAttributes.AutoPersist
    ContainerAttributes.AutoPersist.manual ContainerAttributes.AutoPersist.everyUpdate
    ContainerAttributes.AutoPersist.every ContainerAttributes.Retention
    ContainerAttributes.Retention.all ContainerAttributes.Retention.latest
    ContainerAttributes.Retention.since ContainerAttributes.WriteTracking
    ContainerAttributes.WriteTracking.automatic ContainerAttributes.WriteTracking.kernel
    ContainerAttributes.WriteTracking.signal ContainerAttributes.autoPersist
    ContainerAttributes.retention ContainerAttributes.tracking ContainerAttributes.chunkSize
    ContainerAttributes.addressSpace
    ContainerAttribute ContainerAttribute.autoPersist ContainerAttribute.retention
    ContainerAttribute.tracking

    ContainerError ContainerError.code ContainerError.message ContainerError.path
    ContainerError.cause ContainerError.description ContainerError.Code
    ContainerError.Code.unsupportedType ContainerError.Code.typeChanged
    ContainerError.Code.typeMissing ContainerError.Code.notExcludable ContainerError.Code.corrupt
    ContainerError.Code.notAStore ContainerError.Code.newerFormat ContainerError.Code.notFound
    ContainerError.Code.storeInUse ContainerError.Code.noSuchContainer
    ContainerError.Code.noSuchVersion ContainerError.Code.exists ContainerError.Code.readOnly
    ContainerError.Code.noSpace ContainerError.Code.io ContainerError.Code.addressSpaceExhausted
    ContainerError.Code.closed ContainerError.Code.unsupportedPlatform ContainerError.Code.forked
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
