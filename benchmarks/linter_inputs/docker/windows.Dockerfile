# escape=`
# syntax=docker/dockerfile:1
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]
WORKDIR C:\app
COPY app\ C:\app\
RUN New-Item -ItemType Directory -Path C:\logs ; `
    Set-Content -Path C:\logs\start.txt -Value 'x' ; `
    # A comment between the lines.
    Remove-Item C:\logs\start.txt
USER ContainerUser
EXPOSE 8080
ENTRYPOINT ["C:\\app\\app.exe"]
HEALTHCHECK CMD powershell -command "exit 0"
